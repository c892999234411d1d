from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from protocols.library import load_library
from protocols.node import LibraryError


class Command(BaseCommand):
    help = "Load the protocol library; run again, it publishes only what has changed."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = load_library(now=timezone.now())
        except LibraryError as fault:
            raise CommandError(str(fault)) from None
        self.stdout.write(f"Protocol library: {len(outcome.published)} published, {len(outcome.unchanged)} unchanged.")
