"""Replies from the calendar of whoever takes the patient home."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from scheduling.models import Driver, PickUp, Session
from tests.scheduling.replies.cast import NOW, STAMP, answers, became, every_row, make_invited, open_calls, say

pytestmark = pytest.mark.django_db
DRIVER = "sam@mail.example"
EVENT = uuid4()


def make_pick_up(session: Session, **fields: Any) -> PickUp:
    Driver.objects.create(session=session, status="named", name="Sam", phone="+15550199", email=DRIVER, changed_at=NOW)
    start, end = session.end - timedelta(minutes=15), session.end
    values = {
        "uid": EVENT, "email": "Sam@mail.example", "start": start, "end": end, "told_start": start, "told_end": end,
        "sequence": 0, "told_sequence": 0, "created_at": NOW, "changed_at": NOW,
    }  # fmt: skip
    return PickUp.objects.create(session=session, **{**values, **fields})


def reply(partstat: str, **fields: Any) -> tuple[str, str]:
    whose: dict[str, Any] = {"uid": EVENT, "sender": DRIVER, "attendee": DRIVER, "sequence": 0}
    return became(say(**{**whose, **fields, "partstat": partstat}))


@pytest.mark.parametrize(
    ("partstat", "kind", "calls"),
    [("ACCEPTED", "driver_yes", []), ("TENTATIVE", "driver_maybe", []), ("DECLINED", "driver_no", ["driver_no"])],
)
def test_a_drivers_reply_is_shown_and_confirms_nobody(partstat: str, kind: str, calls: list[str]) -> None:
    make_pick_up(make_invited())
    before = every_row(but={"Inbound", "Answer", "Notice"})
    assert reply(partstat)[0] == "reply"
    assert every_row(but={"Inbound", "Answer", "Notice"}) == before
    assert [answer.kind for answer in answers()] == [kind]
    assert open_calls() == [("answer", call) for call in calls]


def test_a_driver_who_proposes_another_time_does_not_come_at_this_one() -> None:
    make_pick_up(make_invited())
    assert reply("TENTATIVE", method="COUNTER") == ("counter", "Driver declined in their calendar")
    assert open_calls() == [("answer", "driver_no")]


def test_a_driver_who_accepts_later_takes_back_the_call() -> None:
    make_pick_up(make_invited())
    reply("ACCEPTED", at=STAMP + timedelta(minutes=1))
    reply("DECLINED")
    assert open_calls() == []


def test_the_patient_does_not_answer_for_the_driver_nor_a_driver_for_the_next_time() -> None:
    make_pick_up(make_invited(), sequence=1)
    assert reply("DECLINED", sender="ines.ibarra@mail.example") == (
        "left alone", "not from the address that was invited",
    )  # fmt: skip
    PickUp.objects.update(start=NOW)
    assert reply("DECLINED") == ("left alone", "answers an earlier time")
