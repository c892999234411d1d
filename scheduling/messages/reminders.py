"""Which reminders a course wants, and when. Pure: rows in, wishes out; days count on the patient's local calendar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from clinic.models import Site
from protocols.models import Phase
from scheduling.messages.quiet_hours import QuietHours
from scheduling.messages.told import is_ahead
from scheduling.models import Course, NoticeKind, Session

REMINDERS = {NoticeKind.REMINDER, NoticeKind.DRIVER_REMINDER, NoticeKind.DIGEST}
# Reminding is of use while the patient can still act on it.
SHORTEST_NOTICE = timedelta(hours=2)
# Days between two visits after which the later one counts as a new beginning. A weekend does not.
LONG_BREAK = 3
FREQUENT = 3  # sessions a week


@dataclass(frozen=True)
class Timing:
    """How many days before a visit a patient is reminded, at what time of theirs, and when they are left alone."""

    days: tuple[int, ...]
    at: time
    quiet: QuietHours

    @property
    def zone(self) -> ZoneInfo:
        return self.quiet.zone

    @classmethod
    def of(cls, course: Course) -> Timing:
        """As the protocol's version has it, else as the site."""
        site, version = course.site, course.version
        days = version.reminder_days or site.reminder_days
        return cls(
            days=tuple(sorted(set(days))),
            at=site.reminder_time if version.reminder_time is None else version.reminder_time,
            quiet=quiet_hours_of(site, course.patient.zone),
        )


def quiet_hours_of(site: Site, zone: ZoneInfo) -> QuietHours:
    return QuietHours(site.quiet_from, site.quiet_until, zone)


@dataclass(frozen=True)
class Wish:
    """One reminder. A digest belongs to a week of the course, the others to a session."""

    key: str
    kind: NoticeKind
    due_at: datetime
    useful_until: datetime
    session: Session | None = None
    by_phone: bool = False


def wish_reminders(
    course: Course,
    sessions: Sequence[Session],
    phases: Iterable[Phase],
    *,
    timing: Timing,
    now: datetime,
    waiting: Collection[str] = (),
) -> list[Wish]:
    """Everything still to be sent for these sessions; what is already past is left out, unless it is `waiting`."""
    ahead = [session for session in sessions if is_ahead(session, now=now)]
    frequent = find_frequent(ahead, phases)
    fresh = find_beginnings(sessions, zone=timing.zone)
    wishes: list[Wish] = []
    for session in ahead:
        days = timing.days
        if session.pk in frequent and session.pk not in fresh:
            # Daily visits have their digest; yet nobody comes to a sedating one unfed and with a driver by chance.
            days = days[:1] if session.visit_type.sedating else ()
        wishes += wish_singles(session, days, timing=timing)
    wishes += wish_digests(course, [session for session in ahead if session.pk in frequent], timing=timing)
    return [wish for wish in wishes if (wish.due_at > now or wish.key in waiting) and now < wish.useful_until]


def find_unreminded(sessions: Iterable[Session], wishes: Iterable[Wish], *, now: datetime) -> list[Session]:
    """The sedating visits to come that no reminder still to be sent tells of."""
    served = {wish.session.pk for wish in wishes if wish.session is not None}
    sedating = [session for session in sessions if session.visit_type.sedating and is_ahead(session, now=now)]
    return [session for session in sedating if session.pk not in served]


def wish_late_calls(sessions: Iterable[Session], *, now: datetime) -> list[Wish]:
    """What a reminder would have told, had it not been past at once: somebody must phone."""
    return [
        Wish(
            f"late-reminder:{session.uuid}:{session.sequence}",
            NoticeKind.DRIVER_REMINDER,
            now,
            session.start,
            session,
            by_phone=True,
        )
        for session in sessions
    ]


def wish_singles(session: Session, days: tuple[int, ...], *, timing: Timing) -> Iterator[Wish]:
    """A reminder is of use until the next one, the last until shortly before the visit."""
    visit_on = session.start.astimezone(timing.zone).date()
    kind = NoticeKind.DRIVER_REMINDER if session.visit_type.sedating else NoticeKind.REMINDER
    useful_until = session.start - SHORTEST_NOTICE
    for before in days:
        due_at = moment(visit_on - timedelta(days=before), timing.at, timing.zone)
        key = f"reminder:{session.uuid}:{session.sequence}:{before}"
        wish = held(Wish(key, kind, due_at, useful_until, session), timing.quiet)
        yield wish
        useful_until = wish.due_at


def wish_digests(course: Course, sessions: Iterable[Session], *, timing: Timing) -> Iterator[Wish]:
    """One for each ISO week with a frequent session, on the Sunday before it."""
    zone = timing.zone
    for monday in sorted({week_of(session, zone) for session in sessions}):
        year, week, _ = monday.isocalendar()
        wish = Wish(
            f"digest:{course.uuid}:{year}-W{week:02}",
            NoticeKind.DIGEST,
            moment(monday - timedelta(days=1), timing.at, zone),
            moment(monday + timedelta(days=7), time(0), zone),
        )
        yield held(wish, timing.quiet)


def held(wish: Wish, quiet: QuietHours) -> Wish:
    return replace(wish, due_at=quiet.hold(wish.due_at, useful_until=wish.useful_until))


def week_of(session: Session, zone: ZoneInfo) -> date:
    """The Monday of its ISO week."""
    day = session.start.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time; one that a clock change skips becomes as much later."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def find_beginnings(sessions: Iterable[Session], *, zone: ZoneInfo) -> set[int]:
    """The first session of each track, and those after a long break."""
    tracks: dict[int, list[Session]] = defaultdict(list)
    for session in sessions:
        if session.is_live and session.visit_type.is_announced:
            tracks[session.track_id].append(session)
    found: set[int] = set()
    for track in tracks.values():
        last: date | None = None
        for session in sorted(track, key=lambda session: session.start):
            day = session.start.astimezone(zone).date()
            if last is None or (day - last).days > LONG_BREAK:
                found.add(session.pk)
            last = day
    return found


def find_frequent(sessions: Iterable[Session], phases: Iterable[Phase]) -> set[int]:
    """Those in phases of three and more sessions a week."""
    by_track: dict[int, list[Phase]] = defaultdict(list)
    for phase in phases:
        if phase.per_period:
            by_track[phase.track_id].append(phase)
    found = set()
    for session in sessions:
        here = phase_of(session.number, by_track[session.track_id])
        if here is not None and is_frequent(here):
            found.add(session.pk)
    return found


def is_frequent(phase: Phase) -> bool:
    """Three and more a week, and not one visit that happens to have a period of a day."""
    is_series = phase.open_ended or phase.periods * phase.per_period >= FREQUENT
    return is_series and phase.per_period * 7 >= FREQUENT * phase.period_days


def phase_of(number: int, phases: Sequence[Phase]) -> Phase | None:
    """The phase a number lies in; what lies beyond the last belongs to an open-ended one."""
    reached = 0
    for phase in phases:
        reached += phase.periods * phase.per_period
        if number <= reached:
            return phase
    return phases[-1] if phases else None
