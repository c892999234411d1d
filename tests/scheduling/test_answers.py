"""What patients answer: recorded once, a call where somebody must act, never a change of the visit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.forms.models import model_to_dict

from clinic.models import Patient, User
from scheduling.answers import handle_answer, latest_answer, record_answer
from scheduling.messages.call_list import calls_to_make
from scheduling.models import Answer, AnswerKind, AnswerSource, Hold, Notice, Session
from tests import factories

START = datetime(2026, 12, 15, 14, tzinfo=UTC)


@pytest.fixture
def session(patient: Patient) -> Session:
    course = factories.make_course(patient=patient, version=factories.make_protocol())
    chair = factories.make_resource(site=patient.home_site, kind="chair")
    return factories.make_session(course=course, start=START, resources=(chair,))


def say(
    session: Session, kind: str, *, now: datetime, key: str = "", sequence: int | None = None, **fields: object
) -> Answer:
    return record_answer(
        patient=session.patient,
        session=session,
        kind=kind,
        source=AnswerSource.PAGE,
        key=key or f"{kind}:{session.uuid}",
        now=now,
        sequence=session.sequence if sequence is None else sequence,
        **fields,  # type: ignore[arg-type]
    )


def rows(session: Session) -> list[object]:
    return [Session.objects.filter(pk=session.pk).values().get(), list(Hold.objects.values())]


def test_an_answer_is_kept_with_all_it_says_and_changes_no_visit(session: Session, now: datetime) -> None:
    before = rows(session)
    wanted = START + timedelta(days=1)
    answer = say(session, AnswerKind.MOVE_WANTED, now=now, wanted_start=wanted, comment="  please\0 ", needs_staff=True)
    kept = model_to_dict(Answer.objects.get(), exclude=["id"])
    assert kept == {
        "patient": session.patient_id,
        "session": session.pk,
        "kind": "move_wanted",
        "source": "page",
        "key": f"move_wanted:{session.uuid}",
        "sequence": 0,
        "stamped_at": None,
        "wanted_start": wanted,
        "comment": "please",
        "is_stale": False,
        "given_at": now,
        "needs_staff": True,
        "handled_at": None,
        "handled_by": None,
        "handled_how": "",
    }
    assert (answer.pk, rows(session)) == (Answer.objects.get().pk, before)


def test_what_needs_staff_is_one_call_at_once_however_often_it_arrives(session: Session, now: datetime) -> None:
    first = say(session, AnswerKind.CANNOT_COME, now=now, needs_staff=True)
    again = say(session, AnswerKind.CANNOT_COME, now=now + timedelta(hours=1), needs_staff=True, comment="again")
    [call] = calls_to_make(Notice.objects.all(), now=now)
    assert (again.pk, again.given_at, again.comment) == (first.pk, now, "")
    assert (call.kind, call.channel, call.session, call.answer, call.due_at, call.useful_until) == (
        "answer",
        "call",
        session,
        first,
        now,
        None,
    )


def test_what_needs_nobody_is_no_call(session: Session, now: datetime) -> None:
    say(session, AnswerKind.CONFIRMED, now=now)
    assert not Notice.objects.exists()


def test_call_is_made_once_and_says_by_whom(session: Session, clerk: User, now: datetime) -> None:
    answer = say(session, AnswerKind.CANNOT_COME, now=now, needs_staff=True)
    later = now + timedelta(hours=2)
    assert handle_answer(answer, how="Moved to Friday", now=later, by=clerk) is True
    assert handle_answer(answer, how="Cancelled", now=later + timedelta(hours=1), by=None) is False
    answer.refresh_from_db()
    call = Notice.objects.get()
    assert (answer.handled_at, answer.handled_by, answer.handled_how) == (later, clerk, "Moved to Friday")
    assert (call.status, call.sent_at, call.outcome) == ("done", later, "Done by Cleo Clerk")


def test_what_needs_nobody_cannot_be_handled(session: Session, clerk: User, now: datetime) -> None:
    answer = say(session, AnswerKind.CONFIRMED, now=now)
    assert handle_answer(answer, how="Called", now=now, by=clerk) is False
    assert Answer.objects.filter(handled_at=None).count() == 1


def test_answer_to_another_time_is_kept_as_stale(session: Session, now: datetime) -> None:
    session.sequence = 2
    session.save(update_fields=["sequence"])
    assert say(session, AnswerKind.ACCEPTED, now=now, sequence=1).is_stale is True
    assert latest_answer(session) is None


def test_latest_answer_is_the_one_written_last_about_coming(session: Session, now: datetime) -> None:
    hour = timedelta(hours=1)
    say(session, AnswerKind.DECLINED, now=now + 3 * hour, stamped_at=now)  # on its way for three hours
    confirmed = say(session, AnswerKind.CONFIRMED, now=now + hour)
    say(session, AnswerKind.DRIVER, now=now + 2 * hour)
    assert latest_answer(session) == confirmed


def test_answer_of_a_time_that_has_moved_since_is_not_the_latest(session: Session, now: datetime) -> None:
    say(session, AnswerKind.CONFIRMED, now=now)
    session.sequence += 1
    session.save(update_fields=["sequence"])
    assert latest_answer(session) is None


def test_answer_about_no_visit_is_a_call_about_the_course_to_come(
    patient: Patient, session: Session, now: datetime
) -> None:
    factories.make_course(patient=patient, version=factories.make_protocol())  # nothing booked yet
    answer = record_answer(
        patient=patient, session=None, kind=AnswerKind.OPTED_OUT, source=AnswerSource.SMS, key="SM1", now=now,
        needs_staff=True,
    )  # fmt: skip
    call = Notice.objects.get()
    assert (call.course, call.session, call.answer) == (session.course, None, answer)


def test_answer_of_somebody_without_a_course_is_kept_without_a_call(patient: Patient, now: datetime) -> None:
    record_answer(
        patient=patient, session=None, kind=AnswerKind.OPTED_OUT, source=AnswerSource.SMS, key="SM1", now=now,
        needs_staff=True,
    )  # fmt: skip
    assert (Answer.objects.count(), Notice.objects.count()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_record_one_answer_and_one_call(session: Session, now: datetime) -> None:
    start = Barrier(8)
    answers: list[int] = []

    def post() -> None:
        start.wait()
        answers.append(say(session, AnswerKind.CANNOT_COME, now=now, needs_staff=True).pk)
        connection.close()

    threads = [Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(answers), len(set(answers)), Answer.objects.count(), Notice.objects.count()) == (8, 1, 1, 1)
