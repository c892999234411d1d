from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from protocols.library import FOLDER, load_library
from protocols.node import LibraryError


class Command(BaseCommand):
    help = "Load the protocol library; run again, it publishes only what has changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--folder", type=Path, default=FOLDER, help="Another folder of protocol files.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = load_library(now=timezone.now(), folder=options["folder"])
        except LibraryError as fault:
            raise CommandError(str(fault)) from None
        published, unchanged = len(outcome.published), len(outcome.unchanged)
        self.stdout.write(f"Protocol library: {published} published, {unchanged} unchanged.")
