"""Times, places, lengths and instructions in the patient's words, in the language that is active.

Nothing here names a drug, a device or a diagnosis but `page_texts`, and `event_title` for whoever asked for detail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.formats import get_format
from django.utils.translation import get_language, gettext_noop, ngettext, npgettext
from django.utils.translation import gettext as _

from clinic.models import Patient, Site
from protocols.models import Instruction
from protocols.models.visit import CLOCK_TIME, InstructionKind, Place
from scheduling.messages.discretion import names_treatment
from scheduling.messages.sender import one_line
from scheduling.messages.told import announcement_of, stated_start
from scheduling.messages.visit_names import visit_name
from scheduling.models import Session

# Django's own words of its format "a", which our catalogue gives the form of the Real Academia: 2:30 p. m.
HALVES_OF_THE_DAY = (gettext_noop("a.m."), gettext_noop("p.m."))


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
        until=clock_phrase(session.local_end),
        own_time=own_time_text(local, patient),
        was=moment_text(told.told_start.astimezone(local.tzinfo)) if told is not None and moved else "",
        is_cancelled=is_cancelled,
        notes=tuple(notes),
    )


def day_text(local: datetime) -> str:
    return format_date(local, get_format("MESSAGE_DAY"))


def time_text(local: datetime) -> str:
    """With the zone, as the patient's calendar may show another one."""
    return f"{clock_text(local)} {zone_text(local)}"


def clock_text(local: datetime) -> str:
    return format_date(local, get_format("MESSAGE_TIME"))


def clock_phrase(local: datetime) -> str:
    """The time within a sentence. Spanish has an article there, of the hour's number: las 2:30 p. m., la 1:00 p. m."""
    hour = local.hour % 12 or 12
    return npgettext("clock time in a sentence", "%(time)s", "%(time)s", hour) % {"time": time_text(local)}


def zone_text(local: datetime) -> str:
    """EST; or UTC-03 where the zone has no letters of its own."""
    name = local.tzname() or ""
    return name if name[:1].isalpha() else f"UTC{name}"


def moment_text(local: datetime) -> str:
    return _("%(day)s, %(time)s") % {"day": day_text(local), "time": time_text(local)}


def short_text(local: datetime) -> str:
    """For a subject, which is read on a phone."""
    return f"{format_date(local, get_format('MESSAGE_SHORT_DAY'))}, {time_text(local)}"


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


def event_title(session: Session, site: Site, *, detail: bool = False) -> str:
    """What the calendar shows to whoever sees it; with `detail`, which the patient has agreed to, what it is for."""
    name = {"clinic": one_line(site.public_name)}
    is_here = session.visit_type.place == Place.CLINIC
    if detail:
        title = _("%(visit)s at %(clinic)s") if is_here else _("%(visit)s with %(clinic)s")
        return title % {**name, "visit": visit_name(session)}
    if is_here:
        return _("Appointment at %(clinic)s") % name
    return _("Appointment with %(clinic)s") % name


def stay_text(session: Session) -> str:
    """How long the visit lasts, in elapsed time."""
    hours, minutes = divmod(round((session.end - session.start) / timedelta(minutes=1)), 60)
    hours_text = ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    minutes_text = ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    if hours and minutes:
        return _("%(hours)s %(minutes)s") % {"hours": hours_text, "minutes": minutes_text}
    return hours_text if hours else minutes_text


def stop_text(session: Session, instruction: Instruction) -> str:
    """The clock time so many minutes before the visit, within a sentence; with its day where that is another."""
    before = timedelta(minutes=instruction.minutes_before or 0)
    local = (session.start - before).astimezone(ZoneInfo(session.timezone))
    if local.date() == session.local_date:
        return clock_phrase(local)
    return _("%(time)s on %(day)s") % {"time": clock_phrase(local), "day": day_text(local)}


def fasting_texts(session: Session, instructions: Iterable[Instruction]) -> list[str]:
    """When to stop eating and drinking, as clock times; the minutes before the visit are elapsed time."""
    sentences = {
        InstructionKind.NO_FOOD: _("Please do not eat anything after %(when)s."),
        InstructionKind.NO_DRINK: _("Please do not drink anything after %(when)s."),
    }
    return [
        sentences[InstructionKind(instruction.kind)] % {"when": stop_text(session, instruction)}
        for instruction in instructions
        if instruction.kind in sentences and instruction.minutes_before is not None
    ]


def driver_texts(session: Session, instructions: Iterable[Instruction], *, on_page: bool = False) -> list[str]:
    """In the protocol's words where it has some; when they may drive again is never left out."""
    if not session.visit_type.sedating:
        return []
    no_driving = _("No driving until the next day, after restful sleep.")
    found = own_texts(session, instructions, InstructionKind.DRIVER, on_page=on_page)
    found = found or [_("Please arrange for someone to take you home afterwards.")]
    found = found if any(no_driving in text for text in found) else [*found, no_driving]
    next_day = session.local_end + timedelta(days=1)
    return [*found, _("You may drive again on %(day)s at the earliest.") % {"day": day_text(next_day)}]


def other_texts(session: Session, instructions: Iterable[Instruction], *, on_page: bool = False) -> list[str]:
    """What else the protocol asks of the patient."""
    bring = own_texts(session, instructions, InstructionKind.BRING, on_page=on_page)
    return [
        *(_("Please bring: %(what)s") % {"what": text} for text in bring),
        *own_texts(session, instructions, InstructionKind.OTHER, on_page=on_page),
    ]


def bring_texts(sessions: Iterable[Session]) -> list[str]:
    """What to bring along, each thing once, however many visits ask for it."""
    found: dict[str, None] = {}
    for session in sessions:
        found |= dict.fromkeys(own_texts(session, session.visit_type.instructions.all(), InstructionKind.BRING))
    return list(found)


def own_texts(
    session: Session, instructions: Iterable[Instruction], kind: InstructionKind, *, on_page: bool = False
) -> list[str]:
    """The protocol's own texts of a kind. One that names a treatment stands on the patient's page alone."""
    found = []
    for instruction in instructions:
        text = text_of(instruction)
        if instruction.kind == kind and text and (on_page or not names_treatment(text)):
            found.append(text.replace(CLOCK_TIME, stop_text(session, instruction)))
    return found


def text_of(instruction: Instruction) -> str:
    """In the language that is active, or in English where it has no other."""
    is_spanish = (get_language() or "").startswith("es")
    return (is_spanish and instruction.text_es) or instruction.text


def preparation_texts(session: Session, instructions: Iterable[Instruction], *, on_page: bool = False) -> list[str]:
    """What the patient must do for one visit, as a message may say it."""
    instructions = list(instructions)
    return [
        *fasting_texts(session, instructions),
        *driver_texts(session, instructions, on_page=on_page),
        *other_texts(session, instructions, on_page=on_page),
    ]


def page_texts(session: Session, instructions: Iterable[Instruction]) -> list[str]:
    """All there is to know, for the patient's own page: also what would tell others of the treatment."""
    stay = _("Please plan to stay for %(stay)s, until %(until)s.") % {
        "stay": stay_text(session),
        "until": clock_phrase(session.local_end),
    }
    return [stay, *preparation_texts(session, instructions, on_page=True)]
