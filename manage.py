#!/usr/bin/env python
"""Django's command line. Starts the embedded servers first, unless the command needs none."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import localservices

    try:
        if localservices.is_needed_by(sys.argv[1:]):
            announce(localservices.ensure_for_environment())
        execute(sys.argv)
    except localservices.ServiceError as fault:
        sys.exit(str(fault))


def announce(started: list[str]) -> None:
    if started:
        print(f"Started the embedded {' and '.join(started)}; ./cadence stop stops them.", file=sys.stderr)  # noqa: T201


def execute(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from clinic.reachability import describe_unreachable

    try:
        execute_from_command_line(arguments)
    except OperationalError as fault:
        if sentence := describe_unreachable(fault):
            sys.exit(sentence)
        raise


if __name__ == "__main__":
    main()
