"""What is due about who takes the patient home: the event in the driver's own calendar, and calls while nobody is sure.

The outbox asks for it with whatever else it queues, so that each act that moves, cancels or misses a session has its
say here; `scheduling.drivers` asks for it when a driver changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from scheduling.messages.driver_calls import queue_driver_calls
from scheduling.messages.pick_ups import queue_pick_ups
from scheduling.models import Driver, DriverStatus

if TYPE_CHECKING:
    from scheduling.messages.outbox import Ledger


def queue_driver_notices(ledger: Ledger) -> None:
    """Make what waits what is wanted now, for every session of the course that needs a driver."""
    drivers = read_drivers(ledger)
    if drivers:
        ask_again(drivers, now=ledger.now)
        queue_pick_ups(ledger, drivers)
        queue_driver_calls(ledger, drivers)


def read_drivers(ledger: Ledger) -> list[Driver]:
    sedating = {session.pk: session for session in ledger.sessions if session.visit_type.sedating}
    if not sedating:
        return []
    drivers = list(Driver.objects.filter(session__in=sedating).order_by("session__start", "pk"))
    for driver in drivers:
        driver.session = sedating[driver.session_id]
    return drivers


def ask_again(drivers: Sequence[Driver], *, now: datetime) -> None:
    """Who agreed to the time before is known, and must be asked about the new one."""
    moved = [
        driver
        for driver in drivers
        if driver.status == DriverStatus.CONFIRMED and driver.agreed_start != driver.session.start
    ]
    for driver in moved:
        driver.status, driver.agreed_start, driver.changed_at = DriverStatus.NAMED, None, now
    Driver.objects.bulk_update(moved, ["status", "agreed_start", "changed_at"])
