"""Files of the library to spoil."""

from __future__ import annotations

from pathlib import Path


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
