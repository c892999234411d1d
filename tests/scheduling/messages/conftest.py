from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.scheduling.messages.sink import Sink, run_sink


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with run_sink(settings) as running:
        yield running
