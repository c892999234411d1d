"""Who takes the patient home from a sedating session: named, confirmed, seen at discharge, or fallen through.

A patient's own act has no `by`. A driver is confirmed for the start that the session has; once it is moved they are
known and have to be asked again (`scheduling.messages.driver_notices`). That nobody is confirmed cancels nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from pghistory.core import event_models

from clinic.models import User
from clinic.patient_rules import find_phone_fault, find_text_fault
from scheduling.locking import booking_transaction, lock_course, lock_session, retried
from scheduling.messages import outbox
from scheduling.messages.sender import sender_address
from scheduling.messages.undoing import reopen_pick_ups
from scheduling.models import Course, Driver, DriverKind, DriverStatus, Session, SessionStatus
from scheduling.refusals import BookingRefused, Refusal
from scheduling.seating import label, local_iso, refuse_session

NAME_LENGTH = 120
PHONE_LENGTH = 40
EMAIL_LENGTH = 254
TO_COME = (SessionStatus.BOOKED, SessionStatus.ARRIVED)
FIELDS = ("kind", "name", "phone", "email")


@retried
def name_driver(
    session: Session,
    *,
    kind: str,
    name: str = "",
    phone: str = "",
    email: str = "",
    now: datetime,
    by: User | None = None,
    confirmed: bool = True,
) -> Driver:
    """Say who takes the patient home. `kind` is a DriverKind; a refusal's `rule` is the field with the fault.

    With an address the driver gets an invite of their own. Asked twice, return what is.
    """
    values = clean_driver(kind=kind, name=name, phone=phone, email=email)
    with booking_transaction():
        course, driver = _lock(session, now=now, by=by)
        if faults := find_driver_faults(driver.session, **values):
            raise BookingRefused(_refusal(driver.session, rule, message) for rule, message in faults.items())
        was = {field: getattr(driver, field) for field in FIELDS}
        enough = driver.is_settled if confirmed else driver.status != DriverStatus.NEEDED
        if was == values and enough:
            return driver
        status = DriverStatus.CONFIRMED if confirmed else DriverStatus.NAMED
        _write(course, driver, status, now=now, **values)
    return driver


@retried
def confirm_driver(session: Session, *, now: datetime, by: User | None = None) -> Driver:
    """Whoever was named takes the patient home at the time the session has now."""
    with booking_transaction():
        course, driver = _lock(session, now=now, by=by)
        if driver.is_settled:
            return driver
        _refuse_nobody(driver)
        _write(course, driver, DriverStatus.CONFIRMED, now=now)
    return driver


@retried
def mark_driver_seen(session: Session, *, now: datetime, by: User) -> Driver:
    """The patient was handed over to them at discharge."""
    with booking_transaction():
        course, driver = _lock_row(session)
        _refuse_state(driver.session, {SessionStatus.ARRIVED, SessionStatus.COMPLETED})
        if driver.status == DriverStatus.SEEN:
            return driver
        _refuse_nobody(driver)
        _write(course, driver, DriverStatus.SEEN, now=now)
    return driver


@retried
def clear_driver(session: Session, *, now: datetime, by: User | None = None) -> Driver:
    """The driver falls through: somebody else is needed, and their event leaves their calendar."""
    with booking_transaction():
        course, driver = _lock(session, now=now, by=by)
        if driver.status == DriverStatus.NEEDED:
            return driver
        driver.lost_at = now
        nobody = clean_driver(kind=DriverKind.PERSON)
        _write(course, driver, DriverStatus.NEEDED, now=now, **nobody)
    return driver


@retried
def take_back_driver(session: Session, *, seen_at: datetime, now: datetime, by: User) -> Driver:
    """A wrong click: the driver is as they were before the change of `seen_at`, which the audit trail still has."""
    with booking_transaction():
        course, driver = _lock_row(session)
        if driver.changed_at != seen_at:
            raise refuse_session(driver.session, "Somebody has changed the driver since.", rule="changed")
        trail: Any = event_models(tracks_model=Driver)[0]
        before = trail.objects.filter(pgh_obj=driver.pk, changed_at__lt=seen_at).order_by("-pgh_id").first()
        if before is None:
            raise refuse_session(driver.session, "There is nothing to take back on this driver.", rule="changed")
        for field in (*FIELDS, "status", "agreed_start", "lost_at"):
            setattr(driver, field, getattr(before, field))
        driver.changed_at = now
        driver.save()
        reopen_pick_ups([driver.session], since=seen_at, now=now)
        outbox.driver_changed(course, now=now)
    return driver


def clean_driver(*, kind: str, name: str = "", phone: str = "", email: str = "") -> dict[str, str]:
    """What was typed, without stray spaces. A ride service has no calendar to invite to."""
    email = "" if kind == DriverKind.RIDE_SERVICE else email.strip()
    return {"kind": str(kind), "name": " ".join(name.split()), "phone": phone.strip(), "email": email}


def find_driver_faults(session: Session, *, kind: str, name: str, phone: str, email: str) -> dict[str, str]:
    """One sentence for each field that cannot stand, in the reader's language."""
    faults = {
        "kind": _kind_fault(session, kind),
        "name": _name_fault(name, is_person=kind == DriverKind.PERSON),
        "phone": _phone_fault(phone, is_person=kind == DriverKind.PERSON),
        "email": _email_fault(session, email),
    }
    return {field: fault for field, fault in faults.items() if fault}


def _kind_fault(session: Session, kind: str) -> str:
    if kind not in DriverKind.values:
        return _("Say whether it is somebody you know, or a taxi or ride service.")
    if kind == DriverKind.RIDE_SERVICE and not session.site.allows_ride_service:
        return _("A taxi or ride service is not enough here: somebody the patient knows must take them home.")
    return ""


def _name_fault(name: str, *, is_person: bool) -> str:
    if is_person and not name:
        return _("The name of the driver is missing.")
    if len(name) > NAME_LENGTH or find_text_fault(name):
        return _("The name of the driver is too long, or holds a character that cannot be printed.")
    return ""


def _phone_fault(phone: str, *, is_person: bool) -> str:
    if is_person and not phone:
        return _("The phone number of the driver is missing.")
    if len(phone) > PHONE_LENGTH or find_phone_fault(phone):
        return _("The phone number of the driver is not one, such as +1 212 555 0101.")
    return ""


def _email_fault(session: Session, email: str) -> str:
    if not email:
        return ""
    if not _is_email(email):
        return _("The e-mail address of the driver is not one, such as name@example.com.")
    if email.casefold() == session.patient.email.casefold():
        return _("This address gets the appointment's own messages; leave it empty, or give the driver's.")
    if email.casefold() == sender_address(session.site).casefold():
        return _("This is the clinic's own e-mail address; leave it empty, or give the driver's.")
    return ""


def _is_email(text: str) -> bool:
    """Django's rule lets more through than the column holds, and control characters between quotes."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= EMAIL_LENGTH and not find_text_fault(text)


def _lock(session: Session, *, now: datetime, by: User | None) -> tuple[Course, Driver]:
    """The driver as they stand, where the act may still be done: by the patient until it begins, by staff during it."""
    course, driver = _lock_row(session)
    _refuse_state(driver.session, TO_COME if by else {SessionStatus.BOOKED})
    if by is None and driver.session.start <= now:
        raise refuse_session(driver.session, _("The visit has begun. Please speak to the front desk."), rule="past")
    return course, driver


def _lock_row(session: Session) -> tuple[Course, Driver]:
    course = lock_course(session.course_id)
    session = lock_session(session.pk, seen_at=None)
    if not session.visit_type.sedating:
        raise refuse_session(session, _("Nobody has to take the patient home from this visit."), rule="sedating")
    driver = Driver.objects.filter(session=session).first() or Driver(session=session)
    driver.session = session
    return course, driver


def _refuse_state(session: Session, states: Collection[str]) -> None:
    if session.status not in states:
        status = session.get_status_display().lower()
        message = _("The driver of this visit cannot be changed: the visit is %(status)s.") % {"status": status}
        raise refuse_session(session, message, rule="status")


def _refuse_nobody(driver: Driver) -> None:
    if driver.status == DriverStatus.NEEDED:
        raise refuse_session(driver.session, _("Say first who takes the patient home."), rule="name")


def _refusal(session: Session, rule: str, message: str) -> Refusal:
    return Refusal(message, session=label(session), rule=rule, time=local_iso(session.start, session.site))


def _write(course: Course, driver: Driver, status: DriverStatus, *, now: datetime, **values: str) -> None:
    for field, value in values.items():
        setattr(driver, field, value)
    is_settled = status in {DriverStatus.CONFIRMED, DriverStatus.SEEN}
    driver.status, driver.changed_at = status, now
    driver.agreed_start = driver.session.start if is_settled else None
    driver.save()
    outbox.driver_changed(course, now=now)
