"""How far a command has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

WIDTH = 30


class ProgressBar:
    """Call it with what is done and what there is; it writes to `stream`."""

    def __init__(self, stream: OutputWrapper, label: str) -> None:
        self.stream = stream
        self.label = label
        self.on_terminal = stream.isatty()
        self.tenths = -1

    def __call__(self, done: int, total: int) -> None:
        if self.on_terminal:
            filled = WIDTH * done // max(total, 1)
            bar = "█" * filled + "░" * (WIDTH - filled)
            self.stream.write(f"\r{self.label} {bar} {done}/{total}", ending="\n" if done >= total else "")
        elif (tenths := 10 * done // max(total, 1)) > self.tenths and (done >= total or tenths >= self.tenths + 5):
            self.tenths = tenths
            self.stream.write(f"{self.label}: {done} of {total}")
        self.stream.flush()
