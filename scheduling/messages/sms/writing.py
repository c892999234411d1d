"""What a text says: one segment, in the patient's language, and nothing that tells what the visit is for.

Nothing of it may be left out but what is spelled here: the clinic's name is cut before a time or a link is. The words
that carriers take for an opt-out (CANCEL, END, QUIT) are never offered for anything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.formats import get_format
from django.utils.translation import gettext as _

from clinic.models import Patient, Site
from protocols.models.visit import Place
from scheduling.messages.discretion import names_treatment
from scheduling.messages.sender import one_line
from scheduling.messages.sms.alphabet import SEGMENT, cut, fits, length, plain
from scheduling.messages.wording import clock_text, zone_text
from scheduling.models import Session

SHORTEST_NAME = 8


def reminder_text(session: Session, *, link: str) -> str:
    """A visit, with what to answer and where to read on."""
    title = (
        _("Appointment at %(clinic)s") if session.visit_type.place == Place.CLINIC else _("Appointment with %(clinic)s")
    )
    when = when_text(session, session.patient)
    values = {"when": when, "link": link}
    return first_that_fits(
        [
            title + _(" %(when)s. Reply C to confirm, R to be called. Details: %(link)s STOP to opt out"),
            title + _(" %(when)s. C to confirm, R for a call. %(link)s STOP to opt out"),
        ],
        _("Appointment %(when)s. C to confirm, R for a call. %(link)s STOP to opt out"),
        _("Appointment %(when)s %(link)s STOP to opt out"),
        name=name_of(session.site),
        values=values,
    )


def digest_text(sessions: Sequence[Session], *, patient: Patient, site: Site, link: str) -> str:
    """The visits of a week; empty where so many different times do not fit."""
    values = {"times": week_text(sessions, patient), "link": link}
    title = _("Your week at %(clinic)s")
    return first_that_fits(
        [
            title + _(": %(times)s. Details: %(link)s STOP to opt out"),
            title + _(": %(times)s. %(link)s STOP to opt out"),
            title + _(": %(times)s. STOP to opt out"),
        ],
        _("Your week: %(times)s. STOP to opt out"),
        name=name_of(site),
        values=values,
    )


def answer_text(sentence: str, site: Site, **values: str) -> str:
    """A reply to what a patient wrote, with the clinic's phone behind it."""
    values["phone"] = plain(one_line(site.phone))
    return first_that_fits([f"{sentence} %(phone)s"], sentence, name=name_of(site), values=values).strip()


def first_that_fits(named: Sequence[str], *unnamed: str, name: str, values: dict[str, str]) -> str:
    """With the whole name, else with a part of it, else without; empty where nothing fits."""
    for template in named if name else ():
        text = plain(template % {**values, "clinic": name})
        if fits(text):
            return text
    for template in reversed(named) if name else ():
        room = SEGMENT - length(plain(template % {**values, "clinic": ""}))
        if room >= SHORTEST_NAME:
            return plain(template % {**values, "clinic": cut(name, room)})
    texts = [plain(template % {**values, "clinic": ""}) for template in unnamed]
    return next(filter(fits, texts), "")


def name_of(site: Site) -> str:
    """The name that patients know, unless it says after all what they come for."""
    name = one_line(site.public_name)
    return "" if names_treatment(name) else plain(name).strip()


def when_text(session: Session, patient: Patient) -> str:
    """At the site's clock; with the zone where the patient's own is another."""
    local = session.start.astimezone(ZoneInfo(session.timezone))
    here = f"{format_date(local, get_format('MESSAGE_SHORT_DAY')).replace(',', '')} {clock_text(local)}"
    return plain(here if is_same_clock(local, patient) else f"{here} {zone_text(local)}")


def is_same_clock(local: datetime, patient: Patient) -> bool:
    return local.utcoffset() == local.astimezone(patient.zone).utcoffset()


def week_text(sessions: Iterable[Session], patient: Patient) -> str:
    """Days that have the same times are named together: Mon Nov 30, Tue, Wed 10:00 AM; Thu 2:00 PM."""
    days: dict[date, list[datetime]] = defaultdict(list)
    for session in sorted(sessions, key=lambda session: session.start):
        local = session.start.astimezone(ZoneInfo(session.timezone))
        days[local.date()].append(local)
    groups: list[tuple[str, list[str]]] = []
    for position, locals_ in enumerate(days.values()):
        first = locals_[0]
        clocks = " ".join(clock_text(local) for local in locals_)
        clocks = clocks if is_same_clock(first, patient) else f"{clocks} {zone_text(first)}"
        day = format_date(first, "D" if position else get_format("MESSAGE_SHORT_DAY")).replace(",", "")
        if groups and groups[-1][0] == clocks:
            groups[-1][1].append(day)
        else:
            groups.append((clocks, [day]))
    return plain("; ".join(f"{', '.join(names)} {clocks}" for clocks, names in groups))
