"""What composing a notice can come to: a letter, or why there is none now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduling.messages.letters import Letter


@dataclass(frozen=True)
class NotNeeded:
    reason: str


@dataclass(frozen=True)
class Later:
    due_at: datetime


@dataclass(frozen=True)
class ByPhone:
    """No mail reaches the patient, or none in time. The call may be of use longer than the notice is."""

    useful_until: datetime | None = None


Composed = Letter | NotNeeded | Later | ByPhone
