"""What a notice says, decided when it is sent: from what is true now and what the patient was last told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from clinic.models import Channel
from protocols.models import Instruction
from scheduling.messages.calendar_file import lay_out_months
from scheduling.messages.composed import ByPhone, Composed, Later, NotNeeded
from scheduling.messages.decline_counter import compose_decline_counter
from scheduling.messages.driver_letters import ask_for_driver, compose_pick_up
from scheduling.messages.feed_link import compose_feed_link, feed_addresses, take_back
from scheduling.messages.holding import hold
from scheduling.messages.letters import write_calendar_letter, write_list_letter
from scheduling.messages.papers import Papers
from scheduling.messages.reminders import REMINDERS, moment, quiet_hours_of
from scheduling.messages.sender import one_line
from scheduling.messages.told import (
    announcement_of,
    event_uid,
    is_ahead,
    is_called_off,
    is_expected_in_vain,
    is_invited,
    is_news,
    is_news_by_list,
    is_told,
    may_stand_at,
    stands_elsewhere,
)
from scheduling.messages.wording import (
    bring_texts,
    driver_texts,
    event_title,
    fasting_texts,
    preparation_texts,
    short_text,
    stay_text,
)
from scheduling.models import Notice, NoticeKind, Session, SessionStatus

NEXT_LOOK = timedelta(minutes=1)
# The invite of a sedating visit nearer than this says itself what a reminder would: on a day off nobody phones.
NEAR = timedelta(hours=48)


def compose(notice: Notice, papers: Papers, *, now: datetime) -> Composed:
    """Decide anew whether the notice is still wanted, and say it."""
    if notice.useful_until is not None and notice.useful_until <= now:
        return NotNeeded("skipped: late")
    if notice.kind in REMINDERS and not is_repetition(notice):
        quiet = quiet_hours_of(notice.course.site, notice.patient.zone)
        if quiet.holds(now):
            return hold(notice, papers.sessions.get(notice.session_id or 0), opening=quiet.next_opening(now), now=now)
    with translation.override(notice.patient.language):
        return COMPOSERS[NoticeKind(notice.kind)](notice, papers, now)


def is_repetition(notice: Notice) -> bool:
    return notice.again_of_id is not None


def must_be_said(notice: Notice) -> bool:
    """Though nothing has changed: staff ask for it, or an earlier attempt may have said something else."""
    return notice.uncertain or is_repetition(notice)


def is_new_time(notice: Notice, session: Session) -> bool:
    """Whether they know of another time, or may: from an attempt that broke off, or a mail that came back."""
    told = announcement_of(session)
    if told is None:
        return False
    return told.told_start != session.start or (is_invited(session) and (notice.uncertain or told.came_back))


def compose_calendar(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """Invite, update or cancellation of one session."""
    session = papers.session_of(notice)
    if stands_elsewhere(session, session.patient, now=now):
        return Later(now + NEXT_LOOK)  # first it leaves that calendar (`contacts`)
    if not session.is_live:
        return compose_cancellation(notice, papers, session, now)
    if not is_ahead(session, now=now) and not is_expected_in_vain(session, now=now):
        return NotNeeded("skipped: late")
    recipient = papers.reachable_address(session.patient)
    if not recipient:
        return ByPhone()
    if not session.patient.gets_invites:
        return take_back(notice, session, now)
    told = announcement_of(session)
    known = told is not None and told.invited_to == recipient and is_told(session)
    if known and told is not None and told.invited_sequence is not None and not must_be_said(notice):
        return NotNeeded("skipped: nothing has changed")
    letter = write_calendar_letter(
        session, "REQUEST", recipient, now,
        is_update=is_new_time(notice, session),
        link=papers.link_to(session),
        detail=papers.wants_detail(session.patient),
        preparation=prepare(session, papers) if is_near(session, now=now) else None,
    )  # fmt: skip
    former = may_stand_at(notice, session)
    return replace(letter, withdraws_from=former if former != recipient else "")


def compose_cancellation(notice: Notice, papers: Papers, session: Session, now: datetime) -> Composed:
    """Only for those who may have the event in their calendar; others are told by a list of changes."""
    told = announcement_of(session)
    uid = event_uid(session)
    recipient = (told.invited_to if told is not None else "") or may_stand_at(notice, session)
    if not recipient and is_repetition(notice):
        recipient, uid = notice.recipient, notice.event_uid or uid
    if not recipient:
        return NotNeeded("skipped: cancelled before it was in the calendar")
    if told is not None and told.told_cancelled and not must_be_said(notice):
        return NotNeeded("skipped: nothing has changed")
    if not is_called_off(session, now=now) and session.start <= now:
        return NotNeeded("skipped: late")
    if papers.is_refused(session.patient, recipient):
        return ByPhone()
    # An address that is not the patient's any more reads no more than it must.
    detail = recipient == session.patient.email and papers.wants_detail(session.patient)
    return write_calendar_letter(session, "CANCEL", recipient, now, uid=uid, detail=detail)


def compose_withdrawal(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """The event leaves the calendar of an address that is not the patient's any more (RFC 5546 3.2.5)."""
    session = papers.session_of(notice)
    if papers.is_refused(session.patient, notice.recipient):
        return NotNeeded("skipped: the address refuses mail")
    letter = write_calendar_letter(
        session, "CANCEL", notice.recipient, now,
        uid=notice.event_uid, sequence=notice.sequence, is_withdrawal=session.is_live,
    )  # fmt: skip
    return replace(letter, told=())


def compose_summary(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """All appointments to come, in one list."""
    sessions = papers.course_of(notice)
    listed = [session for session in sessions if is_ahead(session, now=now)]
    if not listed and not notice.uncertain:
        return NotNeeded("skipped: no appointment to tell of")
    subject = _("Your appointments at %(clinic)s")
    return compose_list(
        notice, papers, sessions, listed, now,
        template="summary", subject=subject, has_others=papers.has_other_courses(notice),
        months=lay_out_months(listed), bring=bring_texts(listed), **feed_addresses(papers.feed_of(notice.patient)),
    )  # fmt: skip


def compose_changes(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """What changed for those who know of it, in one list; it waits for a summary that is still to go out."""
    summary_due_at = papers.unsent_summary(notice)
    if summary_due_at is not None:
        return Later(max(summary_due_at, now) + NEXT_LOOK)
    if notice.patient.channel == Channel.FEED and papers.is_in_two_calendars(notice.patient):
        return Later(now + NEXT_LOOK)
    sessions = papers.course_of(notice)
    site = notice.course.site
    by_list = [session for session in sessions if is_news_by_list(session, site=site, now=now)]
    if not notice.patient.gets_invites:
        by_list = [session for session in sessions if is_news(session, now=now)]
    if not by_list and is_repetition(notice):
        return compose_all(notice, papers, now)
    if not by_list and not notice.uncertain:
        return NotNeeded("skipped: nothing has changed")
    by_calendar = changed_by_calendar(papers.invites_since(notice), sessions, by_list, now)
    # A cancellation is final, so the list may say it as well. A time that an invite tells may change before it goes.
    listed = [session for session in sessions if session in by_list or (session in by_calendar and not session.is_live)]
    still_booked = [session for session in sessions if session.status == SessionStatus.BOOKED and session.start > now]
    return compose_list(
        notice, papers, sessions, listed, now,
        template="changes",
        subject=_("Changed appointments at %(clinic)s"),
        nothing_left=not still_booked and not any(session.is_live for session in listed),
        others_by_calendar=any(session.is_live for session in by_calendar),
    )  # fmt: skip


def compose_all(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """Who asks once more for a list of changes is told all that holds now: nobody knows what they missed."""
    sessions = papers.course_of(notice)
    listed = [session for session in sessions if is_ahead(session, now=now)]
    subject = _("Changed appointments at %(clinic)s")
    return compose_list(notice, papers, sessions, listed, now, template="changes", subject=subject, everything=True)


def changed_by_calendar(
    sent: set[int], sessions: Sequence[Session], by_list: Sequence[Session], now: datetime
) -> list[Session]:
    """What a calendar message tells, and not this list: it is still to go, or went out since the list was queued."""
    others = [session for session in sessions if session not in by_list]
    return [session for session in others if session.pk in sent or is_news(session, now=now)]


def compose_list(
    notice: Notice,
    papers: Papers,
    sessions: list[Session],
    listed: list[Session],
    now: datetime,
    *,
    template: str,
    subject: str,
    **context: Any,
) -> Composed:
    """Where an earlier attempt may have said something else that no row recorded, say all that holds now."""
    patient, site = notice.patient, notice.course.site
    recipient = papers.reachable_address(patient)
    if not recipient:
        return ByPhone()
    subject = subject % {"clinic": one_line(site.public_name)}
    context["detail"] = papers.wants_detail(patient)
    letter = write_list_letter(listed, patient, site, recipient, template=template, subject=subject, **context)
    if notice.uncertain and letter.content_hash != notice.content_hash:
        listed = [session for session in sessions if session.start > now and session.visit_type.is_announced]
        letter = write_list_letter(
            listed, patient, site, recipient, template="changes", subject=subject, everything=True
        )
    return letter if listed else NotNeeded("skipped: no appointment to tell of")


def compose_reminder(notice: Notice, papers: Papers, now: datetime) -> Composed:
    session = papers.session_of(notice)
    if not is_ahead(session, now=now) or session.sequence != notice.sequence:
        return NotNeeded("skipped: the appointment has changed")
    recipient = papers.reachable_address(session.patient)
    if not recipient:
        return ByPhone()
    detail = papers.wants_detail(session.patient)
    title = event_title(session, session.site, detail=detail)
    subject = _("Reminder: %(title)s, %(when)s") % {"title": title, "when": short_text(session.local_start)}
    letter = write_list_letter(
        [session], session.patient, session.site, recipient,
        template="reminder", subject=subject, detail=detail, link=papers.link_to(session), **prepare(session, papers),
    )  # fmt: skip
    return replace(letter, told=())


def prepare(session: Session, papers: Papers) -> dict[str, Any]:
    """What the patient must know before one visit, for a template."""
    return {
        "stay": stay_text(session),
        "lines": preparation_texts(session, papers.instructions_of(session)),
        "ask": ask_for_driver(session, link=papers.link_to(session)),
    }


def is_near(session: Session, *, now: datetime) -> bool:
    """Whether no reminder may come any more of a visit that nobody should come to fed, or without a way home."""
    return session.visit_type.sedating and session.start - now < NEAR


def compose_digest(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """The appointments of one ISO week, which ends when the digest is of no more use."""
    recipient = papers.reachable_address(notice.patient)
    listed = pick_week(notice, (session for session in papers.course_of(notice) if is_ahead(session, now=now)))
    if not listed:
        return NotNeeded("skipped: no appointment to tell of")
    if not recipient:
        return ByPhone()
    site = notice.course.site
    notes = {session.pk: digest_notes(session, papers.instructions_of(session)) for session in listed}
    subject = _("Your week at %(clinic)s") % {"clinic": one_line(site.public_name)}
    letter = write_list_letter(
        listed, notice.patient, site, recipient,
        template="digest", subject=subject, notes=notes, detail=papers.wants_detail(notice.patient),
    )  # fmt: skip
    return replace(letter, told=())


def digest_notes(session: Session, instructions: Sequence[Instruction]) -> list[str]:
    return [*fasting_texts(session, instructions), *driver_texts(session, instructions)]


def pick_week(notice: Notice, sessions: Iterable[Session]) -> list[Session]:
    """What lies in the week the digest is of, counted on the patient's calendar."""
    if notice.useful_until is None:
        return []
    zone = notice.patient.zone
    monday = notice.useful_until.astimezone(zone).date() - timedelta(days=7)
    first = moment(monday, time(0), zone)
    return [session for session in sessions if first <= session.start < notice.useful_until]


COMPOSERS: dict[NoticeKind, Callable[[Notice, Papers, datetime], Composed]] = {
    NoticeKind.CALENDAR: compose_calendar,
    NoticeKind.WITHDRAWAL: compose_withdrawal,
    NoticeKind.COURSE_SUMMARY: compose_summary,
    NoticeKind.CHANGES: compose_changes,
    NoticeKind.REMINDER: compose_reminder,
    NoticeKind.DRIVER_REMINDER: compose_reminder,
    NoticeKind.DIGEST: compose_digest,
    NoticeKind.DECLINE_COUNTER: compose_decline_counter,
    NoticeKind.FEED_LINK: compose_feed_link,
    NoticeKind.DRIVER_CALENDAR: compose_pick_up,
}
