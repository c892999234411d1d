"""From a clean clone to an answering page and a booked demonstration, in seconds.

    python3 benchmarks/first_run.py [--port 8150]

Clones this repository into a temporary folder, runs `./cadence run` there twice, and prints how long each step took.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
LIMIT = 600


def follow(process: subprocess.Popen[str]) -> Iterator[tuple[float, str]]:
    """Each line the command prints, with the seconds since it began."""
    began = time.monotonic()
    assert process.stdout is not None
    for line in process.stdout:
        yield time.monotonic() - began, line.rstrip()


def measure(clone: Path, port: int, *, until: str) -> dict[str, float]:
    process = subprocess.Popen(
        ["./cadence", "run", "--port", str(port)],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seconds: dict[str, float] = {}
    for at, line in follow(process):
        print(f"{at:7.1f} s  {line}")
        if "Cadence is ready" in line:
            seconds["page"] = at
        if until in line:
            seconds["done"] = at
            break
        if at > LIMIT:
            break
    subprocess.run(["./cadence", "stop"], cwd=clone, check=True)
    process.wait(60)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8150)
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory(prefix="cadence-first-run-") as folder:
        clone = Path(folder) / "cadence"
        Path(folder).chmod(0o755)
        subprocess.run(["git", "clone", "--quiet", str(HERE), str(clone)], check=True)
        first = measure(clone, port, until="Conflicts:")
        second = measure(clone, port, until="Cadence is ready")
    print(f"\nclean clone to answering page: {first['page']:.0f} s")
    print(f"from there to the booked demonstration: {first['done'] - first['page']:.0f} s")
    print(f"second run to answering page: {second['page']:.0f} s")


if __name__ == "__main__":
    main()
