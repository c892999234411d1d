#!/usr/bin/env python
"""Django's command line. Starts the embedded servers first, unless the command needs none."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import localservices

    if localservices.is_needed_by(sys.argv[1:]):
        localservices.ensure_for_environment()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
