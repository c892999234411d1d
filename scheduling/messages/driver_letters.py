"""What a driver reads: when and where to pick somebody up, and the phone number of the site. Nothing of the patient.

Whom they take home they know from the patient; this message goes to an address that the patient typed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from clinic.models import Site
from scheduling.messages.composed import ByPhone, Composed, Later, NotNeeded
from scheduling.messages.ics import EventText, Method, write_event
from scheduling.messages.letters import Letter, event_description, tidy
from scheduling.messages.papers import Papers
from scheduling.messages.pick_ups import PickUpTold
from scheduling.messages.sender import one_line, sender_address
from scheduling.messages.wording import day_text, moment_text, short_text, time_text
from scheduling.models import Driver, DriverKind, DriverStatus, Notice, PickUp, Session

NEXT_LOOK = timedelta(minutes=1)


def compose_pick_up(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """Invite, update or cancellation for the driver, from what holds now and what they were last told."""
    pick_up, session = papers.pick_up_of(notice), papers.session_of(notice)
    if pick_up is None:
        return NotNeeded("skipped: the driver has changed")
    if papers.is_being_told(pick_up, before=notice):
        return Later(now + NEXT_LOOK)
    if pick_up.is_over(now=now):
        return NotNeeded("skipped: late")
    maybe_told = notice.uncertain and bool(notice.recipient)
    if pick_up.ended_at is not None and not pick_up.is_told and not maybe_told:
        return NotNeeded("skipped: called off before the driver was told")
    # What may have arrived unrecorded is said again, unless a later message has said it for sure.
    is_settled = pick_up.told_sequence == pick_up.sequence or not maybe_told
    if pick_up.is_as_told() and is_settled and notice.again_of_id is None:
        return NotNeeded("skipped: nothing has changed")
    if papers.is_refused(session.patient, pick_up.email):
        is_replaced = pick_up.ended_at is not None and session.is_live
        return NotNeeded("skipped: the address refuses mail") if is_replaced else ByPhone()
    return write_pick_up_letter(pick_up, session, now)


def write_pick_up_letter(pick_up: PickUp, session: Session, now: datetime) -> Letter:
    cancelled = pick_up.ended_at is not None
    method: Method = "CANCEL" if cancelled else "REQUEST"
    # A cancellation names the time the driver knows, not one it had for a moment before.
    start, end = pick_up.start, pick_up.end
    if cancelled and pick_up.told_start is not None and pick_up.told_end is not None:
        start, end = pick_up.told_start, pick_up.told_end
    zone, site = ZoneInfo(session.timezone), session.site
    local = start.astimezone(zone)
    title = _("Pick-up at %(clinic)s") % {"clinic": one_line(site.public_name)}
    event = write_event(
        method=method,
        uid=str(pick_up.uid),
        sequence=pick_up.sequence,
        start=start,
        end=end,
        text=EventText(title, place_of(site), event_description(local, site)),
        organizer=(sender_address(site), site.public_name),
        attendee=pick_up.email,
        changed_at=pick_up.changed_at,
        now=now,
    )
    was = pick_up.told_start if not cancelled and pick_up.told_start != start else None
    prefix = _("Cancelled: ") if cancelled else _("New time: ") if was is not None else ""
    letter = render_pick_up(
        site=site,
        recipient=pick_up.email,
        subject=f"{prefix}{title}, {short_text(local)}",
        local=local,
        was=moment_text(was.astimezone(zone)) if was is not None else "",
        is_cancelled=cancelled,
    )
    told = PickUpTold(pick_up.pk, start, end, cancelled, pick_up.sequence)
    facts = f"{method} {pick_up.uid} {pick_up.sequence} {start.isoformat()}"
    return replace(letter, facts=facts, pick_up=told, event=event, method=method)


def render_pick_up(
    *, site: Site, recipient: str, subject: str, local: datetime, was: str, is_cancelled: bool
) -> Letter:
    """The patient is not in the context at all, so that no wording can tell of them."""
    context = {
        "site": site,
        "address": place_of(site),
        "subject": subject,
        "language": translation.get_language(),
        "day": day_text(local),
        "time": time_text(local),
        "was": was,
        "is_cancelled": is_cancelled,
    }
    return Letter(
        recipient=recipient,
        subject=one_line(subject),
        text=tidy(render_to_string("messages/pick_up.txt", context)),
        html=render_to_string("messages/pick_up.html", context),
        facts="",
    )


def place_of(site: Site) -> str:
    return one_line(", ".join(line.strip().strip(",") for line in site.address.splitlines() if line.strip()))


@dataclass(frozen=True)
class DriverAsk:
    """What a reminder asks of the patient, and the page where they answer."""

    text: str
    link: str


def ask_for_driver(session: Session, *, link: str) -> DriverAsk | None:
    driver: Driver | None = getattr(session, "driver", None)
    if driver is None or not session.visit_type.sedating or not link:
        return None
    return DriverAsk(ask_text(driver), link)


def ask_text(driver: Driver) -> str:
    if driver.status == DriverStatus.NEEDED:
        return _("Please tell us who takes you home:")
    name = {"name": one_line(driver.name)}
    if driver.kind == DriverKind.RIDE_SERVICE:
        if driver.is_settled:
            return _("A taxi or ride service takes you home. Tell us if that changes:")
        return _("Does a taxi or ride service take you home? Please tell us:")
    if driver.is_settled:
        return _("%(name)s takes you home. Tell us if that changes:") % name
    return _("Does %(name)s take you home at this time? Please tell us:") % name
