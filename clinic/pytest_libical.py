"""Tests marked `libical` ask the calendar library of Debian; without it they are left out, and a line says so."""

import ctypes
import os

import pytest

NAMES = ("libical.so.3", "libical.so.4")
LEFT_OUT = pytest.StashKey[int]()


def find_libical() -> ctypes.CDLL | None:
    for name in NAMES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanting = [item for item in items if item.get_closest_marker("libical")]
    if not wanting or find_libical():
        return
    if os.environ.get("CADENCE_LIBICAL") == "required":
        raise pytest.UsageError("CADENCE_LIBICAL=required, but there is no libical: apt-get install libical3")
    config.hook.pytest_deselected(items=wanting)
    items[:] = [item for item in items if item not in wanting]
    config.stash[LEFT_OUT] = len(wanting)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} tests of calendar objects were left out, for want of libical (apt-get install libical3)."
        )
