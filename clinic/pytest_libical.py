"""Tests marked `libical` ask the calendar library of Debian; without it they are left out, and a line says so."""

import ctypes

import pytest

from clinic.pytest_left_out import leave_out

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
    is_here = find_libical() is not None
    config.stash[LEFT_OUT] = leave_out(
        config, items, marker="libical", is_here=is_here, missing="libical", package="libical3"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} tests of calendar objects were left out, for want of libical (apt-get install libical3)."
        )
