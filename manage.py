#!/usr/bin/env python
"""Django's command line. Starts the embedded servers first, unless the command needs none."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinic.localservices import Place


def main() -> None:
    if sys.argv[1:2] == ["plan_file"]:
        # Needs neither settings nor apps, and starts in a fraction of the time without them.
        from scheduling.management.commands.plan_file import Command

        Command().run_from_argv(sys.argv)
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import localservices

    try:
        if localservices.is_needed_by(sys.argv[1:]):
            started = localservices.ensure_for_environment()
            announce(started, localservices.find_place())
        execute(sys.argv)
    except localservices.ServiceError as fault:
        sys.exit(str(fault))
    except KeyboardInterrupt:
        sys.exit(130)


def announce(started: list[str], place: "Place") -> None:
    if started:
        servers = " and ".join(started)
        sys.stderr.write(f"Started the embedded {servers} in {place.state}; ./cadence stop stops them.\n")


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
