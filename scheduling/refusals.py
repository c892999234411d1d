"""Why something was not booked: every problem, by session, rule, resource and time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """One problem. `message` is a sentence for staff; it never says whose visit is in the way."""

    message: str
    session: str = ""
    rule: str = ""
    resource: str = ""
    time: str = ""


class BookingRefused(Exception):
    """Nothing was written. `str()` is safe to show to staff: it holds no other patient's data."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(" ".join(refusal.message for refusal in self.refusals))


def refuse(message: str, *, session: str = "", rule: str = "", resource: str = "", time: str = "") -> BookingRefused:
    """A refusal of one problem, to be raised."""
    return BookingRefused([Refusal(message, session, rule, resource, time)])
