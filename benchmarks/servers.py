"""Servers of a benchmark's own, to be started before Django reads its settings."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from clinic import localservices


def start_servers() -> None:
    """A database as durable as an installation's, gone at the end; and the settings of the project."""
    folder = tempfile.mkdtemp(prefix="cadence-benchmark-")
    Path(folder).chmod(0o755)
    os.environ["CADENCE_STATE_DIR"] = folder
    os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"
    place = localservices.find_place()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(localservices.stop, place)
    localservices.ensure(place, broker=False, durable=True)
