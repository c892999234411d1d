from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine

from clinic.models import Patient
from scheduling.models import Session
from tests.scheduling.patient.visiting import NOW, book_visit


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def visit(patient: Patient) -> Session:
    return book_visit(patient)
