"""Throw-away servers for a test run. A plugin, because pytest-django reads the settings before any conftest.

Each process that runs tests has a PostgreSQL, a Valkey and folders of its own, so that tests may count the sessions of
the server, wait for its locks or empty the broker, whatever runs beside them.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from clinic import localservices

MOST_WORKERS = 4


def choose_folder() -> None:
    """The process that was called makes the run's folder and clears it away; each worker has a part of it."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        folder = Path(os.environ["CADENCE_STATE_DIR"]) / worker
    else:
        remove_abandoned()
        folder = Path(tempfile.mkdtemp(prefix=f"cadence-test-{os.getpid()}-"))
        folder.chmod(0o755)
        atexit.register(remove, folder)
    os.environ["CADENCE_STATE_DIR"] = str(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.pluginmanager.has_plugin("dsession"):
        return  # this process only hands the tests out
    localservices.ensure(
        localservices.find_place(),
        database=localservices.uses_embedded_database(),
        broker=localservices.uses_embedded_broker(),
        durable=False,
    )


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: none on one core, and none where all would share one broker that the environment names."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS) if cores > 1 and localservices.uses_embedded_broker() else 0


def remove_abandoned() -> None:
    """Servers of test runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob("cadence-test-*-*"):
        pid = folder.name.split("-")[2]
        if folder.stat().st_uid == os.geteuid() and not (Path("/proc") / pid).exists() and Path("/proc/self").exists():
            remove(folder)


def remove(run: Path) -> None:
    """The folder of a run, with the servers of its workers."""
    for folder in (run, *run.glob("gw*")):
        localservices.stop(localservices.find_place(folder))
    shutil.rmtree(run, ignore_errors=True)


choose_folder()
