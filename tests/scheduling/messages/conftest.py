from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.scheduling.messages.sink import Sink, run_sink
from tests.scheduling.messages.twilio_stand_in import StandIn, run_stand_in


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with run_sink(settings) as running:
        yield running


@pytest.fixture
def stand_in(settings: Any) -> Iterator[StandIn]:
    with run_stand_in(settings) as running:
        yield running
