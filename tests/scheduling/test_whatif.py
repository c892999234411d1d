"""Capacity questions: what fits by when, what is short, and that asking changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, time
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from clinic.models import Closure, ExtraOpening, Resource, Site
from protocols.models import ProtocolVersion
from scheduling.engine import SeatMinutes
from scheduling.whatif.answer import Answer, answer_question
from scheduling.whatif.bottleneck import Bottleneck
from scheduling.whatif.figures import Need, Use
from scheduling.whatif.options import read_added, read_closed, read_referrals
from scheduling.whatif.question import Question, pose_question, reading_only
from scheduling.whatif.report import draw_answer, write_answer
from tests import factories
from tests.factories import NOW, a_day
from tests.scheduling.calendar import at

pytestmark = pytest.mark.django_db
ONCE = ({"periods": 1, "period_days": 7, "per_period": 1, "min_gap_hours": 0},)
WEEK = tuple(a_day(7 + day) for day in range(5))


@pytest.fixture(autouse=True)
def _at_now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def clinic(db: None) -> Site:
    """Open from eight to nine: two visits of half an hour in one chair on each of five days."""
    return factories.make_site(code="riverside", name="Riverside", hours=(time(8), time(9)))


@pytest.fixture
def chair(clinic: Site) -> Resource:
    return factories.make_resource(site=clinic, kind="chair", name="Chair 1")


@pytest.fixture
def once(chair: Resource) -> ProtocolVersion:
    """One visit."""
    return factories.make_protocol(code="once", phases=ONCE)


def answer_to(site: Site, *, weeks: int = 1, out_of_time: Callable[[], bool] = lambda: False, **asked: Any) -> Answer:
    question = Question(site=site, start_on=a_day(7), weeks=weeks, **asked)
    return answer_question(question, now=NOW, out_of_time=out_of_time)


def ask(*arguments: str) -> str:
    output = StringIO()
    call_command("whatif", *arguments, stdout=output)
    return output.getvalue()


# Nothing is written


def test_asking_writes_nothing_and_could_not(clinic: Site, once: ProtocolVersion) -> None:
    models = apps.get_models()
    before = [model._default_manager.count() for model in models]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ask("riverside", "--add", "chair:1", "--close", "2026-12-01", "--referrals", "3xonce")
    verbs = {query["sql"].split()[0] for query in queries}
    assert verbs <= {"SELECT", "SET", "SAVEPOINT", "RELEASE"}
    assert "SET TRANSACTION READ ONLY" in [query["sql"] for query in queries]
    assert [model._default_manager.count() for model in models] == before


def test_whatever_is_written_while_reading_is_refused_by_the_database(clinic: Site) -> None:
    with pytest.raises(DatabaseError, match="read-only transaction"), reading_only():
        Closure.objects.create(site=clinic, first_on=a_day(7), last_on=a_day(7))
    assert not Closure.objects.exists()


# What fits by when


def test_courses_are_counted_by_the_week_in_which_they_start_and_finish(clinic: Site, chair: Resource) -> None:
    factories.make_protocol(code="short")
    answer = answer_to(clinic, weeks=2, referrals=(("short", 5),))
    (group,) = answer.groups
    assert (group.code, group.asked, group.fit) == ("short", 5, 5)
    assert (group.first_start, group.last_start, group.last_visit) == (a_day(7), a_day(16), a_day(25))
    assert [(week.first_on, week.last_on, week.started, week.finished) for week in answer.weeks] == [
        (a_day(7), a_day(13), 4, 0),
        (a_day(14), a_day(20), 5, 4),
        (a_day(21), a_day(27), 5, 5),
    ]


def test_what_does_not_fit_is_left_out(clinic: Site, once: ProtocolVersion) -> None:
    """Ten visits a week."""
    answer = answer_to(clinic, weeks=2, referrals=(("once", 23),))
    assert [(group.asked, group.fit) for group in answer.groups] == [(23, 20)]
    assert [week.started for week in answer.weeks] == [10, 20]
    assert (answer.fit, answer.asked) == (20, 23)


def test_several_protocols_take_turns(clinic: Site, once: ProtocolVersion) -> None:
    factories.make_protocol(code="other", phases=ONCE)
    answer = answer_to(clinic, referrals=(("once", 10), ("other", 10)))
    assert [(group.code, group.fit) for group in answer.groups] == [("once", 5), ("other", 5)]


def test_a_resource_more_lets_more_fit(clinic: Site, once: ProtocolVersion) -> None:
    answer = answer_to(clinic, added=(("chair", (), 1),), referrals=(("once", 23),))
    assert answer.fit == 20


def test_what_is_booked_stays_where_it_is(clinic: Site, chair: Resource, once: ProtocolVersion) -> None:
    book(clinic, chair, day=7, hour=8)
    answer = answer_to(clinic, referrals=(("once", 10),))
    assert answer.fit == 9


def test_a_site_s_own_protocol_comes_before_the_library_s(clinic: Site, once: ProtocolVersion) -> None:
    own = factories.make_protocol(code="once", site=clinic, phases=ONCE, minutes=60)
    answer = answer_to(clinic, referrals=(("once", 10),))
    assert (answer.groups[0].name, answer.fit) == (own.protocol.name, 5)


def book(site: Site, chair: Resource, *, day: int, hour: int) -> None:
    patient = factories.make_patient(site=site)
    course = factories.make_course(patient=patient, version=factories.make_protocol(phases=ONCE))
    factories.make_session(course=course, start=at(site, day, hour), resources=(chair,))


# Closed days


def test_closed_days_let_nobody_in_and_their_bookings_are_named(
    clinic: Site, chair: Resource, once: ProtocolVersion
) -> None:
    for day in (7, 8):
        book(clinic, chair, day=day, hour=8)
    ExtraOpening.objects.create(site=clinic, date=a_day(7), opens_at=time(10), closes_at=time(12))
    answer = answer_to(clinic, closed=(a_day(7),), referrals=(("once", 10),))
    assert (answer.fit, answer.stranded) == (7, 1)
    (week,) = answer.weeks
    assert week.use == (Use(Need("chair"), SeatMinutes(60, 420), SeatMinutes(240, 240)),)


def test_what_cannot_start_even_in_an_empty_clinic_is_told_from_what_is_full(
    clinic: Site, once: ProtocolVersion
) -> None:
    answer = answer_to(clinic, weeks=3, closed=(*WEEK, a_day(22)), referrals=(("once", 30),))
    assert (answer.fit, answer.groups[0].shut) == (18, ((a_day(7), a_day(13)),))
    factories.make_protocol(code="nowhere", needs=("laser",), phases=ONCE)
    answer = answer_to(clinic, weeks=3, referrals=(("nowhere", 1),))
    assert (answer.fit, answer.groups[0].shut) == (0, ((a_day(7), a_day(27)),))
    assert answer.bottleneck == Bottleneck(Need("laser"), 1, 0.0)


def test_a_weekend_before_the_first_week_is_no_news(clinic: Site, once: ProtocolVersion) -> None:
    """Asked on a Sunday."""
    question = Question(clinic, a_day(6), 2, closed=WEEK, referrals=(("once", 1),))
    answer = answer_question(question, now=NOW, out_of_time=lambda: False)
    assert answer.groups[0].shut == ((a_day(7), a_day(13)),)
    assert (
        "  Protocol once: however empty the clinic, the opening hours, closed days and\n"
        "  resources leave no course that starts Nov 30, 2026 to Dec 6, 2026."
    ) in "\n".join(draw_answer(answer))


# Use


def test_the_use_of_each_kind_is_counted_before_and_after(clinic: Site, chair: Resource, once: ProtocolVersion) -> None:
    book(clinic, chair, day=8, hour=8)
    factories.make_resource(site=clinic, kind="room", seats=2)
    answer = answer_to(clinic, added=(("chair", (), 1),), referrals=(("once", 4),))
    assert answer.use == (
        Use(Need("chair"), SeatMinutes(30, 300), SeatMinutes(150, 600)),
        Use(Need("room"), SeatMinutes(0, 600), SeatMinutes(0, 600)),
    )
    assert [week.use for week in answer.weeks] == [answer.use]


def test_without_referrals_the_use_is_shown_for_the_weeks_asked(clinic: Site, chair: Resource) -> None:
    answer = answer_to(clinic, weeks=2, added=(("chair", (), 1),))
    assert [week.use for week in answer.weeks] == [(Use(Need("chair"), SeatMinutes(0, 300), SeatMinutes(0, 600)),)] * 2
    assert (answer.groups, answer.bottleneck, answer.needed) == ((), None, (Need("chair"),))


# The bottleneck


def two_kinds(clinic: Site, chair: Resource, *, skill: str = "") -> None:
    """A visit needs a chair and a nurse: one chair, two nurses."""
    for _ in range(2):
        factories.make_resource(site=clinic, kind="nurse")
    factories.make_protocol(code="nursed", needs=("chair", "nurse"), phases=ONCE)


def test_the_bottleneck_is_the_kind_of_which_one_more_lets_most_further_courses_fit(
    clinic: Site, chair: Resource
) -> None:
    two_kinds(clinic, chair)
    answer = answer_to(clinic, referrals=(("nursed", 17),))
    assert (answer.fit, answer.bottleneck) == (10, Bottleneck(Need("chair"), 7, 1.0))


def test_where_all_fit_the_bottleneck_is_the_most_used_at_the_wished_hours(clinic: Site, chair: Resource) -> None:
    two_kinds(clinic, chair)
    answer = answer_to(clinic, referrals=(("nursed", 4),))
    assert (answer.fit, answer.bottleneck) == (4, Bottleneck(Need("chair"), 0, 1.0))


def test_hours_are_wished_one_visit_after_the_other_through_the_day(clinic: Site, once: ProtocolVersion) -> None:
    posed = pose_question(Question(clinic, a_day(7), 1, referrals=(("once", 5),)), now=NOW)
    assert [course.preferred_time for course in posed.after.courses] == [480, 510, 480, 510, 480]


# The time


def test_a_question_that_runs_out_of_time_says_so(clinic: Site, once: ProtocolVersion) -> None:
    answer = answer_to(clinic, referrals=(("once", 3),), out_of_time=lambda: True)
    assert (answer.fit, answer.cut_short, write_answer(answer)["complete"]) == (0, True, False)
    assert list(draw_answer(answer))[-3:] == [
        "The tightest is chair: at the hours that the patients wish, 0% of its time is held.",
        "",
        "The time ran out before everything was tried: more may fit. Give more with --time-limit.",
    ]


def test_the_same_question_has_the_same_answer(clinic: Site, once: ProtocolVersion) -> None:
    asked = ("riverside", "--referrals", "13xonce", "--json")
    assert ask(*asked) == ask(*asked)


# The command


def test_the_answer_is_written_as_json(clinic: Site, once: ProtocolVersion) -> None:
    written = json.loads(ask("riverside", "--referrals", "12xonce", "--start", "2026-11-30", "--weeks", "1", "--json"))
    use = {"before": {"held_minutes": 0, "open_minutes": 300}, "after": {"held_minutes": 300, "open_minutes": 300}}
    assert written == {
        "format": "what-if/1",
        "site": "riverside",
        "start_on": "2026-11-30",
        "latest_start_on": "2026-12-06",
        "added": [],
        "closed": [],
        "visits_on_closed_days": 0,
        "referrals": [
            {
                "protocol": "once",
                "name": "Protocol once",
                "asked": 12,
                "fit": 10,
                "first_start_on": "2026-11-30",
                "last_start_on": "2026-12-04",
                "last_visit_on": "2026-12-04",
                "no_start": [],
            }
        ],
        "weeks": [
            {
                "first_on": "2026-11-30",
                "last_on": "2026-12-06",
                "started": 10,
                "finished": 10,
                "use": [{"kind": "chair", "skill": None, **use}],
            }
        ],
        "use": [{"kind": "chair", "skill": None, "name": "chair", **use}],
        "bottleneck": {
            "kind": "chair",
            "skill": None,
            "name": "chair",
            "further_courses": 2,
            "use_at_wished_hours": 1.0,
        },
        "complete": True,
    }


def test_the_answer_is_drawn_for_a_manager(clinic: Site, chair: Resource, once: ProtocolVersion) -> None:
    book(clinic, chair, day=9, hour=8)
    factories.make_resource(site=clinic, kind="room", skills=["quiet"])
    factories.make_protocol(code="calm", needs=("room",), phases=ONCE)
    asked = ("--add", "room+quiet:1", "--close", "2026-12-02..2026-12-03,2026-12-07", "--start", "2026-11-30")
    drawn = ask("riverside", *asked, "--weeks", "2", "--referrals", "16xonce", "--referrals", "2xcalm")
    assert drawn == DRAWN


DRAWN = """\
What if, at Riverside? Nothing is booked or changed.

  Added      1 x room (Quiet)
  Closed     Dec 2, 2026 to Dec 3, 2026
  Closed     Dec 7, 2026
             1 booked visit on these days would have to be moved; its time is not counted below.
  Referrals  16 x Protocol once
  Referrals  2 x Protocol calm
  To start   Nov 30, 2026 to Dec 13, 2026

16 of 18 courses fit.

                           First course   Last course
  Protocol            Fit        starts        starts    Last visit
  Protocol once  14 of 16  Nov 30, 2026  Dec 11, 2026  Dec 11, 2026
  Protocol calm    2 of 2  Nov 30, 2026  Nov 30, 2026  Nov 30, 2026

Week by week: courses started and finished by its end,
and the share of the open hours that is held, before -> after

  Week of       Started  Finished        chair       room
  Nov 30, 2026        8         8  10% -> 100%  0% -> 17%
  Dec 7, 2026        16        16   0% -> 100%         0%

Over all weeks: hours held, of the hours that the seats are open

  Kind          Before              After                  Fullest week
  chair  0.5 of 10.0 h  5%   7.0 of 7.0 h  100%  100% from Nov 30, 2026
  room   0.0 of 10.0 h  0%  1.0 of 14.0 h    7%   17% from Nov 30, 2026

Before is what is booked today. After is the same with the change and the referrals that fit.
Bottleneck: chair. One more would let 2 further courses fit.
"""


def test_columns_that_do_not_fit_beside_the_others_stand_below(clinic: Site) -> None:
    kinds = tuple(f"treatment_device_{number}" for number in range(1, 8))
    for kind in kinds:
        factories.make_resource(site=clinic, kind=kind)
    factories.make_protocol(code="all", needs=kinds, phases=ONCE)
    drawn = ask("riverside", "--start", "2026-11-30", "--weeks", "1", "--referrals", "1xall")
    assert "held, before -> after\n\n" + BLOCKS + "\nOver all weeks" in drawn


BLOCKS = """\
                                      treatment     treatment     treatment     treatment
  Week of       Started  Finished      device 1      device 2      device 3      device 4
  Nov 30, 2026        1         1     0% -> 10%     0% -> 10%     0% -> 10%     0% -> 10%

                   treatment     treatment     treatment
  Week of           device 5      device 6      device 7
  Nov 30, 2026     0% -> 10%     0% -> 10%     0% -> 10%
"""


def test_nothing_to_try_is_refused(clinic: Site) -> None:
    assert refused("riverside") == "Say what to try: --add, --close or --referrals."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere", "--add", "chair:1"), "There is no site with that code. Sites: riverside."),
        (
            ("riverside", "--add", "rocket:1"),
            "There is no kind of resource with the code rocket; there are chair.",
        ),
        (
            ("riverside", "--add", "chair+flying:1"),
            "No resource has the skill flying, and no visit asked for needs it.",
        ),
        (
            ("riverside", "--add", "chair"),
            "--add takes kind:number or kind+skill:number with 1 to 50, such as tms_device:1, not 'chair'.",
        ),
        (
            ("riverside", "--add", "chair:1,"),
            "--add takes kind:number or kind+skill:number with 1 to 50, such as tms_device:1, not ''.",
        ),
        (
            ("riverside", "--close", "2027-02-30"),
            "--close takes a date or a range, such as 2027-01-04 or 2027-01-04..2027-01-08, not '2027-02-30'.",
        ),
        (("riverside", "--close", "2027-01-08..2027-01-04"), "--close 2027-01-08..2027-01-04 ends before it begins."),
        (("riverside", "--close", "2027-01-08..2029-01-04"), "--close 2027-01-08..2029-01-04 is longer than a year."),
        (
            ("riverside", "--referrals", "once"),
            "--referrals takes a number, x and a protocol's code, such as 20xspravato-trd, not 'once'.",
        ),
        (("riverside", "--referrals", "201xonce"), "--referrals takes 200 courses at most, not 201."),
        (
            ("riverside", "--referrals", "2xtwice"),
            "Riverside has no published protocol with the code twice; there are once.",
        ),
        (("riverside", "--add", "chair:1", "--start", "2026-11-22"), "--start 2026-11-22 lies in the past."),
        (("riverside", "--add", "chair:1", "--start", "2029-11-22"), "--start 2029-11-22 is more than two years away."),
        (("riverside", "--add", "chair:1", "--start", "soon"), "--start: 'soon' is not a date as YYYY-MM-DD."),
        (("riverside", "--add", "chair:1", "--weeks", "53"), "--weeks takes a number from 1 to 52, not 53."),
        (
            ("riverside", "--add", "chair:1", "--time-limit", "0"),
            "--time-limit takes a number of seconds above 0, not 0.",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_one_sentence(
    clinic: Site, once: ProtocolVersion, arguments: tuple[str, ...], sentence: str
) -> None:
    assert refused(*arguments) == sentence


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as fault:
        ask(*arguments)
    assert fault.value.returncode == 2
    return str(fault.value)


def test_options_are_read_in_any_number() -> None:
    assert read_added(["chair:1,nurse+rems+acls:2", "chair:3"]) == (
        ("chair", (), 1),
        ("nurse", ("rems", "acls"), 2),
        ("chair", (), 3),
    )
    assert read_closed(["2027-01-05..2027-01-06, 2027-01-05", "2026-12-24"]) == (
        date(2026, 12, 24),
        date(2027, 1, 5),
        date(2027, 1, 6),
    )
    assert read_referrals(["2xonce,1xtwice", "3xonce"]) == (("once", 5), ("twice", 1))
