"""The independent judge over examples, generated problems and replanned ones; and that `check` agrees with it."""

import copy
import random
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .generate import LINKED, SINGLE, make, replanned
from .judging import BEST, EXAMPLES, example, planned, verdicts

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json") if path.stem != "best_known")
CLOCKLESS = settings(deadline=None, max_examples=15, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_planned_as_well_as_is_known(name):
    written = planned(example(name), time_limit=3)
    if BEST[name].get("status") == "INFEASIBLE":
        assert [course["status"] for course in written["courses"]] == ["infeasible"]
        return
    assert {course["status"] for course in written["courses"]} == {"planned"}
    assert written["cost"] <= BEST[name]["cost"]


@pytest.mark.parametrize("load", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("family", SINGLE + LINKED)
def test_no_rule_is_broken_in_two_thousand_problems(family, load):
    """Problems of each family, most of them again half-way through the course: about 1200 and 900.

    `planned` asks the judge about every answer. One track is always planned best, or proven to have no plan.
    """
    for seed in range(52 if family in SINGLE else 20):
        document = make(seed, families=[family], load=load, long=False, days=28)
        written = planned(document)
        again = replanned(document, written, seed)
        answers = [*written["courses"], *(planned(again)["courses"] if again is not None else ())]
        if family in SINGLE:
            assert all(answer["status"] == "infeasible" or answer["optimal"] for answer in answers)
        assert {answer["status"] for answer in answers} <= {"planned", "infeasible"}


@pytest.mark.parametrize("seed", range(12))
def test_no_rule_is_broken_in_an_intake(seed):
    document = make(seed, load=0.3, long=False, days=28, courses=2 + seed % 3, families=SINGLE if seed % 2 else LINKED)
    written = planned(document, time_limit=1)
    again = replanned(document, written, seed)
    if again is not None:
        planned(again, time_limit=1)


@CLOCKLESS
@given(seed=st.integers(0, 10_000))
def test_check_and_judge_agree_on_spoiled_plans(seed):
    rng = random.Random(seed)
    document = make(seed, families=[rng.choice(SINGLE + LINKED)], load=0.3, long=False)
    written = planned(document)
    again = replanned(document, written, seed) if rng.random() < 0.5 else None
    if again is not None:
        document, written = again, planned(again)
    if written["courses"][0]["status"] != "planned":
        return
    for _ in range(12):
        spoiled = spoil(copy.deepcopy(written), rng, document)
        assert len(set(verdicts(document, spoiled))) == 1


def spoil(written, rng, document):
    """The plan with one to three sessions moved, dropped, doubled or on other seats."""
    sessions = written["courses"][0]["sessions"]
    for _ in range(rng.choice([1, 1, 2, 3])):
        session = rng.choice(sessions)
        act = rng.randrange(6)
        if act <= 2:
            shift = rng.choice([5, -5, 15, 60, -120, 1440, -1440, 2880, 10_080, 1])
            session["start"] = (datetime.fromisoformat(session["start"]) + timedelta(minutes=shift)).isoformat()
        elif act == 3 and session["holds"]:
            rng.choice(session["holds"])["resource"] = rng.choice(document["resources"])["id"]
        elif act == 4 and session["holds"]:
            rng.choice(session["holds"])["seat"] = rng.choice([0, 1, 2])
        elif rng.random() < 0.3:
            rng.choice([sessions.remove, sessions.append])(session)
            return written
    return written
