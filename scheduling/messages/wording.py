"""Times, places and lengths in the patient's words. Nothing here may name a drug, a device or a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clinic.models import Patient, Site
from protocols.models import Instruction
from protocols.models.visit import InstructionKind, Place
from scheduling.messages.discretion import names_treatment
from scheduling.messages.sender import one_line
from scheduling.messages.told import announcement_of, stated_start
from scheduling.models import Session


@dataclass(frozen=True)
class Appointment:
    """One session as a message shows it."""

    day: str
    time: str
    place: str
    until: str
    own_time: str  # where the patient's clock differs from the site's
    was: str  # the time they were told before, where it differs
    is_cancelled: bool
    notes: tuple[str, ...] = ()


def describe(
    session: Session, *, patient: Patient, site: Site, notes: Sequence[str] = (), is_cancelled: bool | None = None
) -> Appointment:
    is_cancelled = not session.is_live if is_cancelled is None else is_cancelled
    told = announcement_of(session)
    moved = told is not None and not is_cancelled and told.told_start != session.start
    start = stated_start(session, cancelled=is_cancelled)
    local = start.astimezone(ZoneInfo(session.timezone))
    return Appointment(
        day=day_text(local),
        time=time_text(local),
        place=place_text(session, site),
        until=time_text(session.local_end),
        own_time=own_time_text(local, patient),
        was=moment_text(told.told_start.astimezone(local.tzinfo)) if told is not None and moved else "",
        is_cancelled=is_cancelled,
        notes=tuple(notes),
    )


def day_text(local: datetime) -> str:
    return format_date(local, "l, F j, Y")


def time_text(local: datetime) -> str:
    """With the zone, as the patient's calendar may show another one."""
    return f"{clock_text(local)} {zone_text(local)}"


def clock_text(local: datetime) -> str:
    return format_date(local, "g:i A")


def zone_text(local: datetime) -> str:
    """EST; or UTC-03 where the zone has no letters of its own."""
    name = local.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{name}"


def moment_text(local: datetime) -> str:
    return _("%(day)s, %(time)s") % {"day": day_text(local), "time": time_text(local)}


def short_text(local: datetime) -> str:
    """For a subject, which is read on a phone."""
    return f"{format_date(local, 'D, M j')}, {time_text(local)}"


def own_time_text(here: datetime, patient: Patient) -> str:
    """What the patient's own clock shows, where it differs from the site's."""
    there = here.astimezone(patient.zone)
    if here.utcoffset() == there.utcoffset():
        return ""
    return time_text(there) if here.date() == there.date() else moment_text(there)


def place_text(session: Session, site: Site) -> str:
    """Where to be, in one line."""
    match session.visit_type.place:
        case Place.VIDEO:
            return _("By video")
        case Place.HOME:
            return _("At home")
    return one_line(", ".join(line.strip().strip(",") for line in site.address.splitlines() if line.strip()))


def event_title(session: Session, site: Site) -> str:
    name = {"clinic": one_line(site.public_name)}
    if session.visit_type.place == Place.CLINIC:
        return _("Appointment at %(clinic)s") % name
    return _("Appointment with %(clinic)s") % name


def stay_text(session: Session) -> str:
    """How long the visit lasts, in elapsed time."""
    hours, minutes = divmod(round((session.end - session.start) / timedelta(minutes=1)), 60)
    parts = []
    if hours:
        parts.append(ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours})
    if minutes or not hours:
        parts.append(ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes})
    return " ".join(parts)


def fasting_texts(session: Session, instructions: Iterable[Instruction]) -> list[str]:
    """When to stop eating and drinking, as clock times; the minutes before the visit are elapsed time."""
    sentences = {
        InstructionKind.NO_FOOD: _("Please do not eat anything after %(when)s."),
        InstructionKind.NO_DRINK: _("Please do not drink anything after %(when)s."),
    }
    found = []
    for instruction in instructions:
        if instruction.kind in sentences and instruction.minutes_before is not None:
            stop = session.start - timedelta(minutes=instruction.minutes_before)
            local = stop.astimezone(ZoneInfo(session.timezone))
            when = time_text(local) if local.date() == session.local_date else moment_text(local)
            found.append(sentences[InstructionKind(instruction.kind)] % {"when": when})
    return found


def driver_texts(session: Session, instructions: Iterable[Instruction]) -> list[str]:
    """In the protocol's words where it has some; the last sentence is never left out."""
    if not session.visit_type.sedating:
        return []
    no_driving = _("No driving until the next day, after restful sleep.")
    found = discreet_texts(instructions, InstructionKind.DRIVER)
    found = found or [_("Please arrange for someone to take you home afterwards.")]
    return found if any(no_driving in text for text in found) else [*found, no_driving]


def other_texts(instructions: Iterable[Instruction]) -> list[str]:
    """What else the protocol asks of the patient."""
    bring = [
        _("Please bring: %(what)s") % {"what": text} for text in discreet_texts(instructions, InstructionKind.BRING)
    ]
    return bring + discreet_texts(instructions, InstructionKind.OTHER)


def discreet_texts(instructions: Iterable[Instruction], kind: InstructionKind) -> list[str]:
    """A text that names a treatment after all is not sent."""
    texts = [instruction.text for instruction in instructions if instruction.kind == kind]
    return [text for text in texts if text and not names_treatment(text)]


def preparation_texts(session: Session, instructions: Iterable[Instruction]) -> list[str]:
    """Everything the patient must do for one visit."""
    instructions = list(instructions)
    return [
        *fasting_texts(session, instructions),
        *driver_texts(session, instructions),
        *other_texts(instructions),
    ]
