"""Why not, and what would help, as sentences to be read aloud: the one place where the engine's answers become words.

Whoever asks gives the names that staff know (`Names`); without them codes are spelled out as well as they can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo

from ..problem import Week
from ..result import Relaxation
from . import reason as lacks
from .reason import Obstacle

ACRONYMS = {"tms", "itbs", "dtms", "tdcs", "vns", "scs", "dbs", "iv", "im", "sc", "mri", "ect", "rems", "acls"}
ACRONYMS |= {"h1", "h4", "h7"}
SPELLED = {"figure8": "figure-8"}
CLEAR_DAYS = 300
"""Two dates further apart than this are said with their years."""
MOST_WAYS = 3
"""How many changes one sentence names."""

UNTRIED = "not every change that may help could be tried in the time that there was"
NOTHING = "no single change helps, as each leaves something else in the way"

TOO_LONG = "no opening, no time of the patient and no seat can hold it, so no change but a shorter visit helps"


def name_of(code: str) -> str:
    """A code as words within a sentence: "tms_device" is TMS device."""
    words = code.replace("_", "-").split("-")
    return " ".join(word.upper() if word.lower() in ACRONYMS else SPELLED.get(word, word) for word in words if word)


@dataclass(frozen=True, slots=True)
class Names:
    """Names as staff know them, by code, as they stand within a sentence."""

    kinds: Mapping[str, str] = field(default_factory=dict)
    skills: Mapping[str, str] = field(default_factory=dict)
    tracks: Mapping[str, str] = field(default_factory=dict)
    phases: Mapping[str, str] = field(default_factory=dict)
    site: str = "the clinic"
    visit: str = "session"
    several: bool = False
    """Whether the course has several tracks, so that a session is named with its own."""
    parts: tuple[str, ...] = ()
    """The codes of all tracks of the course, where they are known."""
    hours: tuple[int, int] = (0, 1440)
    """From when to when, in minutes of the day, an opening can be asked for: `near_hours` of the site."""
    latest: date | None = None
    """The last day asked for, where it is known: a later start is then said by its date."""

    def resource(self, kind: str | None, skills: Iterable[str | None] = ()) -> str:
        """Skills first: an H7 TMS device, a REMS clinician."""
        words = [self.skills.get(skill, name_of(skill)) for skill in skills if skill]
        return " ".join([*words, self.kinds.get(kind or "", name_of(kind or ""))])

    def track(self, name: str | None) -> str:
        return self.tracks.get(name or "", name_of(name or ""))

    def phase(self, name: str | None) -> str:
        return self.phases.get(name or "", name_of(name or ""))

    def session(self, found: Obstacle) -> str:
        plain = f"{self.visit} {found.number}"
        return f"{self.track(found.track)} {plain}" if self.several else plain

    def sessions(self, beside: str | None = None) -> str:
        """All sessions by their tracks, or those of the tracks beside one."""
        named = [self.track(part) for part in self.parts if part != beside]
        which = " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]])) or ("other" if beside else "")
        return " ".join(filter(None, ["the", which, f"{self.visit}s"]))


def in_words(
    found: Obstacle, relaxations: Iterable[Relaxation] = (), names: Names | None = None, *, untried: bool = False
) -> str:
    """The whole sentence: what is in the way, and the smallest changes of which each alone would help."""
    names = names or Names()
    ways = [way_in_words(relaxation, names) for relaxation in worth_saying(relaxations, names.hours)]
    rest = " or ".join(filter(None, [", ".join(ways[:-1]), *ways[-1:]]))
    if not ways:
        rest = TOO_LONG if found.lack == lacks.LONGER else UNTRIED if untried else NOTHING
    return f"{reason_in_words(found, names)}; {rest}."


EASE = ("extend_latest_start", "open_site", "free_patient", "add_seat", "slip")
"""Types of change by how soon they can be arranged."""


def near_hours(week: Week) -> tuple[int, int]:
    """From an hour before the earliest usual opening of any weekday to an hour after the latest closing."""
    spans = [span for day in week.days for span in day] or [(480, 1080)]
    return max(0, min(begin for begin, _ in spans) - 60), min(1440, max(end for _, end in spans) + 60)


def worth_saying(relaxations: Iterable[Relaxation], hours: tuple[int, int] = (0, 1440)) -> list[Relaxation]:
    """Of each type the smallest one, and not more than can be read aloud: what can be arranged soonest is said.

    An opening outside `hours` (at night, say) is named only where nothing else helps.
    """
    ways = list(relaxations)
    near = [way for way in ways if hours[0] <= (way.begin or hours[0]) and (way.end_minute or 0) <= hours[1]]
    smallest: dict[str, Relaxation] = {}
    for relaxation in near or ways:
        smallest.setdefault(relaxation.type, relaxation)
    said = sorted(smallest, key=EASE.index)[:MOST_WAYS]
    return [relaxation for type_, relaxation in smallest.items() if type_ in said]


def reason_in_words(found: Obstacle, names: Names | None = None) -> str:
    text = _reason(found, names or Names())
    return text[:1].upper() + text[1:]


def _reason(found: Obstacle, names: Names) -> str:
    when, who = say_dates(found.first, found.last), names.session(found)
    match found.lack:
        case lacks.NO_RESOURCE | lacks.NO_SKILL:
            lacking = [names.resource(kind, skills) for kind, skills in ((found.kind, found.skills), *found.others)]
            return f"{names.site} has no {' and no '.join(lacking)} for {who}"
        case lacks.LONGER:
            return f"{who} takes {found.minutes} minutes, longer than a day"
        case lacks.PAST:
            return f"the time for {who} is past: it was to be {when}"
        case lacks.CLOSED if found.first == found.last:
            return f"{names.site} is closed {when}, the only day for {who}"
        case lacks.CLOSED:
            first, last = _say_days(found.first, found.last)
            return f"{names.site} is closed from {first} to {last}, the only days for {who}"
        case lacks.SITE:
            return f"{names.site} is not open long enough for {who} {when}"
        case lacks.PATIENT:
            return f"the patient cannot come for {who} {when}"
        case lacks.RESOURCE:
            return f"no {names.resource(found.kind, found.skills)} is free for {who} {when}"
        case lacks.SEATS:
            return f"not every {names.resource(found.kind)} that {who} needs is free at one time {when}"
        case lacks.TOGETHER:
            needed = ["the patient", *(names.resource(kind, skills) for kind, skills in found.others)]
            return f"{', '.join(needed[:-1])} and {needed[-1]} are never free at one time for {who} {when}"
        case lacks.HORIZON:
            return f"{who} would lie after {say_day(found.last)}, {found.last.year}, the last day that is planned"
        case lacks.WINDOW:
            return f"the protocol leaves no day for {who}"
        case lacks.GAP:
            return f"no free time for {who} {when} keeps its distance to the {names.visit} before it"
        case lacks.LINKS if found.number is not None:
            return f"no time for {who} {when} fits {names.sessions(beside=found.track)}"
    starts = say_dates(found.first, found.last)
    if found.lack == lacks.LINKS:
        return f"{names.sessions()} cannot be fitted to each other for any start {starts}"
    return f"the {names.visit}s cannot be spaced as the protocol asks for any start {starts}"


def way_in_words(relaxation: Relaxation, names: Names | None = None) -> str:
    """One change, as it stands within a sentence."""
    names = names or Names()
    days = f"{relaxation.days} day{'s' if relaxation.days != 1 else ''}"
    match relaxation.type:
        case "extend_latest_start":
            if names.latest is None:
                return f"start {days} later"
            return f"start on {say_day(names.latest + timedelta(days=relaxation.days or 0))}"
        case "slip":
            part = f"the {names.phase(relaxation.phase)} part"
            part += f" of {names.track(relaxation.track)}" if names.several else ""
            return f"give {part} {days} more"
        case "open_site" if relaxation.on is not None:
            begin, end = say_minute(relaxation.begin or 0), say_minute(relaxation.end_minute or 0)
            return f"open {names.site} on {say_day(relaxation.on)} from {begin} to {end}"
    if relaxation.start is None or relaxation.end is None:
        return ""
    span = say_span(relaxation.start, relaxation.end)
    if relaxation.type == "free_patient":
        several = relaxation.start.date() != relaxation.end.date()
        return f"have the patient come {'at any time ' if several else ''}{span}"
    return f"add one more {names.resource(relaxation.kind, [relaxation.skill])} {span}"


def local_to(relaxation: Relaxation, zone: tzinfo) -> Relaxation:
    """The same change with its instants on the clock of a zone."""
    if relaxation.start is None or relaxation.end is None:
        return relaxation
    return replace(relaxation, start=relaxation.start.astimezone(zone), end=relaxation.end.astimezone(zone))


def say_day(day: date) -> str:
    return f"{day:%A}, {day:%B} {day.day}"


def say_dates(first: date, last: date) -> str:
    begin, end = _say_days(first, last)
    return f"on {begin}" if first == last else f"between {begin} and {end}"


def _say_days(first: date, last: date) -> tuple[str, str]:
    """Years are said only where the dates would not be clear without them."""
    if (last - first).days > CLEAR_DAYS:
        return f"{say_day(first)}, {first.year}", f"{say_day(last)}, {last.year}"
    return say_day(first), say_day(last)


def say_minute(minute: int) -> str:
    """A time of day on a clock of twelve hours."""
    if minute in (0, 1440):
        return "midnight"
    hour, rest = divmod(minute, 60)
    return f"{(hour + 11) % 12 + 1}:{rest:02d} {'PM' if hour >= 12 else 'AM'}"


def say_span(start: datetime, end: datetime) -> str:
    """On the clock that the instants carry."""
    begin, until = (say_minute(at.hour * 60 + at.minute) for at in (start, end))
    if start.date() == end.date():
        return f"on {say_day(start.date())} from {begin} to {until}"
    return f"from {say_day(start.date())} at {begin} to {say_day(end.date())} at {until}"
