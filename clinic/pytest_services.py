"""Throw-away servers for a test run. A plugin, because pytest-django reads the settings before any conftest."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from clinic import localservices


def start_throw_away_servers() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # the controlling process has started them
    remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=f"cadence-test-{os.getpid()}-"))
    folder.chmod(0o755)
    os.environ["CADENCE_STATE_DIR"] = str(folder)
    place = localservices.find_place()
    atexit.register(remove, place)
    localservices.ensure(
        place,
        database=localservices.uses_embedded_database(),
        broker=localservices.uses_embedded_broker(),
        durable=False,
    )


def remove_abandoned() -> None:
    """Servers of test runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob("cadence-test-*-*"):
        pid = folder.name.split("-")[2]
        if folder.stat().st_uid == os.geteuid() and not (Path("/proc") / pid).exists() and Path("/proc/self").exists():
            remove(localservices.find_place(folder))


def remove(place: localservices.Place) -> None:
    localservices.stop(place)
    shutil.rmtree(place.state, ignore_errors=True)


start_throw_away_servers()
