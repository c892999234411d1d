"""A calendar reply becomes an answer: shown at the session, and front-desk work where they may not come.

It is a hint that anybody can forge, so nothing else changes: no session, no seat, no driver.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.answers import handle_answer, record_answer
from scheduling.models import Answer, AnswerKind, AnswerSource, Session
from scheduling.replies.invited import Invited, find_invited, is_current, is_from, is_to_come
from scheduling.replies.mail import CalendarReply
from scheduling.replies.proposals import decline_counter
from scheduling.replies.taken import COUNTER, LEFT_ALONE, REPLY, Taken

OF_PATIENT = {"ACCEPTED": AnswerKind.ACCEPTED, "DECLINED": AnswerKind.DECLINED, "TENTATIVE": AnswerKind.TENTATIVE}
OF_DRIVER = {"ACCEPTED": AnswerKind.DRIVER_YES, "DECLINED": AnswerKind.DRIVER_NO, "TENTATIVE": AnswerKind.DRIVER_MAYBE}
FOR_STAFF = {AnswerKind.DECLINED, AnswerKind.COUNTERED, AnswerKind.DRIVER_NO}
# By which later answers of the same calendar a call is no longer needed. A time proposed stays a wish, even where the
# calendar sends "tentative" after it; only an acceptance takes it back.
OVERTAKEN_BY = {
    AnswerKind.DECLINED: {AnswerKind.ACCEPTED, AnswerKind.TENTATIVE, AnswerKind.COUNTERED, AnswerKind.DECLINED},
    AnswerKind.COUNTERED: {AnswerKind.ACCEPTED, AnswerKind.COUNTERED},
    AnswerKind.DRIVER_NO: {AnswerKind.DRIVER_YES, AnswerKind.DRIVER_MAYBE, AnswerKind.DRIVER_NO},
}
# Of a time proposed. The year 1 or 9999 is in the calendar of no patient, and outside that of other time zones.
EARLIEST_WISH, LATEST_WISH = timedelta(days=1), timedelta(days=731)
# DTSTAMP counts seconds. Of two answers of one second the one that means more work counts as the later.
RANKS = (
    AnswerKind.ACCEPTED, AnswerKind.TENTATIVE, AnswerKind.DECLINED, AnswerKind.COUNTERED,
    AnswerKind.DRIVER_YES, AnswerKind.DRIVER_MAYBE, AnswerKind.DRIVER_NO,
)  # fmt: skip


def take_reply(reply: CalendarReply, *, now: datetime) -> Taken:
    invited = find_invited(reply.uid)
    if invited is None:
        return Taken(LEFT_ALONE, "answers no event of ours")
    kind = kind_of(reply, invited)
    if kind is None:
        return Taken(LEFT_ALONE, "says neither yes nor no")
    if not is_from(reply, invited):
        return Taken(LEFT_ALONE, "not from the address that was invited", session=invited.session)
    current = is_current(reply, invited)
    if invited.is_driver and not current:
        return Taken(LEFT_ALONE, "answers an earlier time", invited.session.patient, invited.session)
    answer = give_answer(reply, invited, kind, is_current=current, now=now)
    if kind == AnswerKind.COUNTERED and is_work(invited, kind, is_current=current, now=now) and not reply.is_automatic:
        decline_counter(answer, now=now)
    settle_overtaken(invited.session, now=now)
    outcome = answer.get_kind_display() + ("" if current else ", for an earlier time")
    return Taken(COUNTER if reply.method == "COUNTER" else REPLY, outcome, invited.session.patient, invited.session)


def kind_of(reply: CalendarReply, invited: Invited) -> AnswerKind | None:
    """A driver who would come at another time does not come at this one."""
    if reply.method == "COUNTER":
        return AnswerKind.DRIVER_NO if invited.is_driver else AnswerKind.COUNTERED
    return (OF_DRIVER if invited.is_driver else OF_PATIENT).get(reply.partstat)


def give_answer(reply: CalendarReply, invited: Invited, kind: AnswerKind, *, is_current: bool, now: datetime) -> Answer:
    """One and the same answer, whether it comes by mailbox and webhook, or as often as a calendar sends it."""
    session = invited.session
    wanted = wanted_start(reply, session, now=now)
    parts = (reply.uid.lower(), reply.sequence, reply.stamped_at, kind.value, wanted)
    return record_answer(
        patient=session.patient,
        session=session,
        kind=kind,
        source=AnswerSource.CALENDAR,
        key="calendar:" + ":".join(key_text(part) for part in parts),
        now=now,
        sequence=session.sequence if is_current else reply.sequence,
        stamped_at=stamp_of(reply, kind, now),
        wanted_start=wanted,
        comment=reply.comment,
        needs_staff=has_words(reply) or is_work(invited, kind, is_current=is_current, now=now),
    )


def is_work(invited: Invited, kind: AnswerKind, *, is_current: bool, now: datetime) -> bool:
    return kind in FOR_STAFF and is_current and is_to_come(invited.session, now=now)


def has_words(reply: CalendarReply) -> bool:
    """Somebody reads them, whatever was clicked and whenever: "accepted" may go on with "but I have a fever"."""
    return bool(reply.comment) and not reply.is_automatic


def key_text(part: object) -> str:
    return part.strftime("%Y%m%dT%H%M%SZ") if isinstance(part, datetime) else str(part)


def wanted_start(reply: CalendarReply, session: Session, *, now: datetime) -> datetime | None:
    """A time without a zone is meant by the clock of the clinic. One that nobody can mean is no time to show."""
    if reply.start is None:
        return None
    start = reply.start if reply.start.tzinfo else reply.start.replace(tzinfo=ZoneInfo(session.timezone))
    return start.astimezone(UTC) if now - EARLIEST_WISH < start < now + LATEST_WISH else None


def stamp_of(reply: CalendarReply, kind: AnswerKind, now: datetime) -> datetime:
    """Never later than now: a stamp from the future would stand above every answer to come."""
    stamp = min(reply.stamped_at or now, now)
    return stamp.replace(microsecond=0) + timedelta(microseconds=RANKS.index(kind))


def settle_overtaken(session: Session, *, now: datetime) -> None:
    """Take back the calls that a later answer has made idle, in whatever order the answers came; never unread words."""
    given = Answer.objects.filter(session=session, source=AnswerSource.CALENDAR, is_stale=False)
    answers = list(given)
    for answer in answers:
        waits = answer.needs_staff and answer.handled_at is None and not answer.comment
        if waits and any(overtakes(other, answer) for other in answers):
            handle_answer(answer, how="Their calendar has answered again", now=now, by=None)


def overtakes(later: Answer, answer: Answer) -> bool:
    if later.kind not in OVERTAKEN_BY[AnswerKind(answer.kind)] or later.sequence != answer.sequence:
        return False
    return when(later) > when(answer)


def when(answer: Answer) -> tuple[datetime, str]:
    return (answer.stamped_at or answer.given_at, answer.key)
