"""Answer one planning problem from a file: no database, no server."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduling.engine import FormatError, plan, read_problem, write_result

MOST_ALTERNATIVES = 20


class Command(BaseCommand):
    help = "Read a planning problem (docs/planning-format.md) and write its result. Needs no database and no server."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("problem", help="the problem's file, '-' for standard input")
        parser.add_argument("--output", default="-", help="the result's file, '-' for standard output (the default)")
        parser.add_argument("--time-limit", type=_seconds, default=5.0, help="seconds to plan for at most (5)")
        parser.add_argument("--seed", type=int, default=0, help="another seed tries other orders of many courses (0)")
        parser.add_argument(
            "--alternatives",
            type=_count,
            default=0,
            metavar="N",
            help="further plans of each course, up to so many (0)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            problem = read_problem(_read(options["problem"]))
        except FormatError as error:
            raise CommandError(str(error), returncode=2) from None
        wishes = {name: options[name] for name in ("time_limit", "seed", "alternatives")}
        result = plan(problem, **wishes)
        _write(options["output"], json.dumps(write_result(result)) + "\n")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            # Exactly one line, whatever names the problem uses.
            sys.stderr.write(" ".join(str(error).split()) + "\n")
            sys.exit(error.returncode)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= MOST_ALTERNATIVES):
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MOST_ALTERNATIVES}, not {text!r}")
    return int(text)


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}", returncode=2) from None


def _write(name: str, text: str) -> None:
    """Write the whole result or nothing: a file that exists is replaced at once."""
    if name == "-":
        sys.stdout.write(text)
        return
    target = Path(name)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text)  # a device or a pipe cannot be replaced
            return
        part.write_text(text)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CommandError(f"cannot write {name}: {error.strerror}", returncode=2) from None
