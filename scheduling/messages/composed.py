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
    """The patient cannot be reached by mail, or not any more."""


Composed = Letter | NotNeeded | Later | ByPhone
