"""What became of a mail: kept without a word of what it says."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.models import Patient
from scheduling.models import Notice, Session

REPLY = "reply"
COUNTER = "counter"
BOUNCE = "bounce"
LEFT_ALONE = "left alone"
UNDERSTOOD = (REPLY, COUNTER, BOUNCE)


@dataclass(frozen=True)
class Taken:
    kind: str
    outcome: str
    patient: Patient | None = None
    session: Session | None = None
    notice: Notice | None = None
