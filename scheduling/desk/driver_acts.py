"""Who takes the patient home, as the clerk hears it by phone: named, confirmed, fallen through, seen."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from scheduling import drivers
from scheduling.desk.acting import go_back, read_seen_at, refusals_told
from scheduling.desk.base import staff_of
from scheduling.desk.undo import offer_button
from scheduling.models import Driver, DriverKind, DriverStatus, Session, SessionStatus
from scheduling.refusals import refuse

NAME, CONFIRM, SEEN, CLEAR, BACK = "name", "confirm", "seen", "clear", "back"


def act_on_driver(request: HttpRequest, session: Session, act: str) -> HttpResponse:
    back = reverse("admin:scheduling_session_change", args=[session.pk])
    with refusals_told(request) as refused:
        done = DO[act](request, session)
    if not refused and act == BACK:
        messages.success(request, done)
    elif not refused:
        driver = Driver.objects.get(session=session)
        url = reverse("admin:desk_driver_act", args=[session.pk, BACK])
        offer_button(request, done, url, seen_at=driver.changed_at.isoformat())
    return go_back(request, back)


def _name(request: HttpRequest, session: Session) -> str:
    read = {field: request.POST.get(field, "").strip() for field in ("kind", "name", "phone", "email")}
    driver = drivers.name_driver(
        session, **read, now=timezone.now(), by=staff_of(request), confirmed="confirmed" in request.POST
    )
    return f"Written down: {driver}."


def _confirm(request: HttpRequest, session: Session) -> str:
    return f"Confirmed: {drivers.confirm_driver(session, now=timezone.now(), by=staff_of(request))}."


def _see(request: HttpRequest, session: Session) -> str:
    return f"Seen: {drivers.mark_driver_seen(session, now=timezone.now(), by=staff_of(request))}."


def _clear(request: HttpRequest, session: Session) -> str:
    drivers.clear_driver(session, now=timezone.now(), by=staff_of(request))
    return "Taken off. Nobody is named for this visit now."


def _take_back(request: HttpRequest, session: Session) -> str:
    seen_at = read_seen_at(request)
    if seen_at is None:
        raise refuse("This page was not complete. Nothing was changed; please try once more.")
    drivers.take_back_driver(session, seen_at=seen_at, now=timezone.now(), by=staff_of(request))
    return "Taken back. The driver is as before."


DO = {NAME: _name, CONFIRM: _confirm, SEEN: _see, CLEAR: _clear, BACK: _take_back}


def describe_driver(session: Session) -> dict[str, Any] | None:
    """What the page of a sedating visit shows of who takes the patient home; None for other visits."""
    if not session.visit_type.sedating:
        return None
    driver: Driver | None = getattr(session, "driver", None)
    if driver is not None and driver.status == DriverStatus.NEEDED:
        driver = None
    to_come = session.status in drivers.TO_COME
    at_discharge = session.status in {SessionStatus.ARRIVED, SessionStatus.COMPLETED}
    return {
        "driver": driver,
        "is_settled": driver is not None and driver.is_settled,
        "may_name": to_come,
        "may_confirm": to_come and driver is not None and not driver.is_settled,
        "may_see": at_discharge and driver is not None and driver.status != DriverStatus.SEEN,
        "may_clear": to_come and driver is not None,
        "kinds": DriverKind.choices if session.site.allows_ride_service else [],
    }
