"""Faults of a draft, one sentence each: of its shape, and of what its site could never do."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from clinic.models import ResourceHours, Site
from protocols.models import (
    DecisionPoint,
    Instruction,
    Link,
    Phase,
    ProtocolVersion,
    Stage,
    StageTask,
    Track,
    VisitType,
)
from protocols.validation import find_faults, find_untranslated
from tests import factories


@pytest.fixture
def draft(db: None) -> ProtocolVersion:
    """Two visits a week for two weeks, each half an hour in a chair."""
    return factories.make_protocol(publish=False)


@pytest.fixture
def visit(draft: ProtocolVersion) -> VisitType:
    return draft.visit_types.get()


@pytest.fixture
def track(draft: ProtocolVersion) -> Track:
    return draft.tracks.get()


def set_phase(draft: ProtocolVersion, **fields: Any) -> None:
    Phase.objects.filter(track__version=draft).update(**fields)


def add_track(draft: ProtocolVersion, name: str = "other", **fields: Any) -> Track:
    values = {"periods": 2, "period_days": 7, "per_period": 2, "min_gap_hours": 20}
    position = draft.tracks.count()
    visit_type = fields.pop("visit_type", None) or draft.visit_types.all()[0]
    track = Track.objects.create(version=draft, position=position, name=name, visit_type=visit_type)
    Phase.objects.create(track=track, position=0, name="phase", **{**values, **fields})
    return track


def test_sound_draft_has_no_fault(draft: ProtocolVersion) -> None:
    assert find_faults(draft) == []


# Visits


def test_visit_without_treatment(draft: ProtocolVersion, visit: VisitType) -> None:
    visit.stages.update(is_treatment=False)
    assert find_faults(draft) == ["Visit Visit has no treatment stage."]


def test_stage_after_the_patient_has_left(draft: ProtocolVersion, visit: VisitType) -> None:
    Stage.objects.create(visit_type=visit, position=1, name="Turnover", minutes=5, after_leaving=True)
    Stage.objects.create(visit_type=visit, position=2, name="Talk", minutes=5)
    assert find_faults(draft) == ["Visit Visit: stage Talk comes after the patient has left (Turnover)."]


def test_patient_is_not_watched_after_leaving(draft: ProtocolVersion, visit: VisitType) -> None:
    Stage.objects.create(visit_type=visit, position=1, name="Watch", minutes=5, after_leaving=True, is_monitoring=True)
    assert find_faults(draft) == ["Visit Visit: the patient has left before stage Watch, which treats or watches them."]


def test_task_beyond_its_stage(draft: ProtocolVersion, visit: VisitType) -> None:
    StageTask.objects.create(stage=visit.stages.get(), name="Blood pressure", at_minute=31)
    assert find_faults(draft) == ["Visit Visit: Blood pressure is due after stage Treatment ends."]


def test_two_stages_of_one_name_could_not_be_told_apart(draft: ProtocolVersion, visit: VisitType) -> None:
    Stage.objects.create(visit_type=visit, position=1, name="Treatment", minutes=5)
    assert find_faults(draft) == ["Visit Visit has two stages named Treatment."]


def test_instruction_given_twice(draft: ProtocolVersion, visit: VisitType) -> None:
    for minutes in (120, 240):
        Instruction.objects.create(visit_type=visit, kind="no_food", minutes_before=minutes)
    assert find_faults(draft) == ["Visit Visit says twice: stop eating."]


def test_clock_time_needs_its_minutes_and_both_languages(draft: ProtocolVersion, visit: VisitType) -> None:
    texts: list[dict[str, Any]] = [
        {"text": "Rest after {time}.", "text_es": "Descanse después de {time}.", "minutes_before": 60},
        {"text": "No cream after {time}."},
        {"text": "No cream.", "minutes_before": 60},
        {"text": "Wash after {time}.", "text_es": "Lávese.", "minutes_before": 60},
        {"text_es": "Lávese."},
    ]
    for fields in texts:
        Instruction.objects.create(visit_type=visit, kind="other", **fields)
    assert find_faults(draft) == [
        "Visit Visit: the instruction “No cream after {time}.” says {time}, but gives no minutes before the visit.",
        "Visit Visit: the instruction “No cream.” gives minutes before the visit, but does not say {time}.",
        "Visit Visit: the instruction “Wash after {time}.” says {time} in one language and not in the other.",
        "Visit Visit: the Spanish text “Lávese.” has no English one.",
    ]


def test_text_without_spanish_is_a_note_and_no_fault(draft: ProtocolVersion, visit: VisitType) -> None:
    Instruction.objects.create(visit_type=visit, kind="bring", text="Your list.", text_es="Su lista.")
    Instruction.objects.create(visit_type=visit, kind="bring", text="Your card.")
    Instruction.objects.create(visit_type=visit, kind="no_food", minutes_before=120)
    assert find_faults(draft) == []
    assert find_untranslated(draft) == [
        "Visit Visit: “Your card.” has no Spanish text; patients who read Spanish get it in English."
    ]


def test_sedating_visit_without_a_driver(draft: ProtocolVersion, visit: VisitType) -> None:
    visit.sedating = True
    visit.save()
    assert find_faults(draft) == ["Visit Visit is sedating, but no instruction asks for a driver."]


def test_visit_elsewhere_needs_no_chair_of_ours(draft: ProtocolVersion, visit: VisitType) -> None:
    visit.place = "external"
    visit.save()
    assert find_faults(draft) == ["Visit Visit is elsewhere, but needs resources of the clinic."]


# Tracks and phases


def test_protocol_without_track(draft: ProtocolVersion, track: Track) -> None:
    track.delete()
    assert find_faults(draft) == ["The protocol has no track, so nothing would be booked."]


def test_track_without_phase(draft: ProtocolVersion, track: Track) -> None:
    track.phases.all().delete()
    assert find_faults(draft) == ["Track main has no phase."]


def test_track_of_waiting_only(draft: ProtocolVersion) -> None:
    set_phase(draft, per_period=0)
    assert find_faults(draft) == ["Track main has no session."]


def test_open_ended_phase_that_is_not_the_last(draft: ProtocolVersion, track: Track) -> None:
    set_phase(draft, open_ended=True)
    Phase.objects.create(
        track=track, position=1, name="after", periods=1, period_days=7, per_period=1, min_gap_hours=20
    )
    assert find_faults(draft) == ["Track main: the open-ended phase must be the last."]


def test_two_open_ended_phases(draft: ProtocolVersion) -> None:
    set_phase(draft, open_ended=True)
    add_track(draft, open_ended=True)
    assert find_faults(draft) == ["More than one phase is open-ended; a course can have one."]


def test_anchor_elsewhere_that_is_not_the_first_track(draft: ProtocolVersion) -> None:
    surgery = VisitType.objects.create(version=draft, code="surgery", name="Operation", place="external")
    Stage.objects.create(visit_type=surgery, position=0, name="Operation", minutes=60, is_treatment=True)
    add_track(draft, name="surgery", visit_type=surgery, periods=1, per_period=1)
    assert find_faults(draft) == ["Track surgery has a visit elsewhere; only the first track can be such an anchor."]


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"per_period": 8}, "8 sessions do not fit into 7 days, one a day."),
        ({"min_gap_hours": 169}, "2 sessions at least 169 hours apart do not fit into 7 days."),
        ({"min_gap_hours": 130}, "4 sessions at least 130 hours apart do not fit into 14 days."),
        (
            {"per_period": 3, "max_in_count": 2, "max_in_days": 7},
            "at most 2 in 7 days contradicts 3 sessions in 7 days.",
        ),
        (
            {"periods": 4, "per_period": 3, "slip_days": 2, "max_in_count": 2, "max_in_days": 7},
            "at most 2 in 7 days contradicts 12 sessions in 30 days.",
        ),
        (
            {"periods": 4, "period_days": 28, "per_period": 1, "max_gap_hours": 400},
            "gaps of at most 400 hours end before its last period begins.",
        ),
    ],
)
def test_phase_that_no_calendar_can_keep(draft: ProtocolVersion, fields: dict[str, int], fault: str) -> None:
    set_phase(draft, **fields)
    assert find_faults(draft) == [f"Phase main/phase-0: {fault}"]


# Links and decisions


def test_link_given_twice_or_without_room(draft: ProtocolVersion, track: Track) -> None:
    other = add_track(draft)
    for _ in range(2):
        Link.objects.create(version=draft, type="sequence", track=other, after=track, min_hours=24, max_hours=24)
    fault = "Link other sequence main: its window from 24 to 24 hours holds no time."
    assert find_faults(draft) == [fault, "Link other sequence main is given twice.", fault]


def test_link_to_a_track_of_another_version(draft: ProtocolVersion, track: Track) -> None:
    stranger = factories.make_protocol(publish=False).tracks.get()
    Link.objects.create(version=draft, type="apart", track=track, after=stranger)
    assert find_faults(draft) == ["Link main apart main joins a track of another version."]


def test_decision_beyond_the_last_session(draft: ProtocolVersion, track: Track) -> None:
    DecisionPoint.objects.create(version=draft, track=track, after_number=5, mode="review", question="On?")
    assert find_faults(draft) == ["Decision after main 5 lies beyond the last session, 4."]


def test_blocking_decision_in_the_middle_of_a_period(draft: ProtocolVersion, track: Track) -> None:
    DecisionPoint.objects.create(version=draft, track=track, after_number=3, mode="blocking", question="On?")
    assert find_faults(draft) == [
        "Decision after main 3 is blocking, so it must follow the last session of a period (2, 4)."
    ]


def test_review_may_lie_anywhere_in_an_open_ended_phase(draft: ProtocolVersion, track: Track) -> None:
    set_phase(draft, open_ended=True)
    DecisionPoint.objects.create(version=draft, track=track, after_number=19, mode="review", question="On?")
    assert find_faults(draft) == []


# The site


@pytest.fixture
def chair(site: Site) -> None:
    factories.make_resource(site=site, kind="chair")


def test_draft_that_fits_its_site(draft: ProtocolVersion, site: Site, chair: None) -> None:
    assert find_faults(draft, site=site) == []


def test_site_without_hours(draft: ProtocolVersion, site: Site) -> None:
    site.hours.all().delete()
    assert find_faults(draft, site=site) == ["Clinic riverside has no opening hours."]


def test_visit_longer_than_any_opening(draft: ProtocolVersion, site: Site, chair: None) -> None:
    Stage.objects.filter(visit_type__version=draft).update(minutes=601)
    assert find_faults(draft, site=site) == [
        "Visit Visit takes 601 minutes; the longest opening of Clinic riverside is 600."
    ]


def test_kind_and_skill_that_the_site_does_not_have(draft: ProtocolVersion, site: Site) -> None:
    assert find_faults(draft, site=site) == ["Visit Visit needs chair; Clinic riverside has none."]
    need = Stage.objects.get(visit_type__version=draft).needs.get()
    need.skill = "wide"
    need.save()
    factories.make_resource(site=site, kind="chair")
    factories.make_resource(site=site, kind="chair", skills=["wide"], active=False)
    assert find_faults(draft, site=site) == ["Visit Visit needs chair with the skill wide; Clinic riverside has none."]


def test_resource_of_another_site_does_not_help(draft: ProtocolVersion, site: Site, other_site: Site) -> None:
    factories.make_resource(site=other_site, kind="chair")
    assert find_faults(draft, site=site) == ["Visit Visit needs chair; Clinic riverside has none."]


def test_hold_longer_than_any_hours_of_its_resource(draft: ProtocolVersion, site: Site) -> None:
    chair = factories.make_resource(site=site, kind="chair")
    ResourceHours.objects.create(resource=chair, weekday=0, opens_at=time(8), closes_at=time(8, 20))
    assert find_faults(draft, site=site) == [
        "Visit Visit holds chair for 30 minutes, from minute 0 on; no hours of such a resource leave room for that."
    ]


def test_turnover_that_ends_after_closing_leaves_no_start(draft: ProtocolVersion, visit: VisitType) -> None:
    """The chair is needed after the site has closed, whichever start is taken."""
    site = factories.make_site(hours=(time(9), time(9, 30)))
    factories.make_resource(site=site, kind="chair")
    turnover = Stage.objects.create(visit_type=visit, position=1, name="Clean", minutes=10, after_leaving=True)
    turnover.needs.create(kind_id="chair")
    assert find_faults(draft, site=site) == [
        "Visit Visit holds chair for 40 minutes, from minute 0 on; no hours of such a resource leave room for that."
    ]


def test_hours_of_two_resources_that_never_meet(site: Site) -> None:
    draft = factories.make_protocol(publish=False, needs=("chair", "monitor"))
    for kind, hours in (("chair", (time(8), time(12))), ("monitor", (time(13), time(17)))):
        resource = factories.make_resource(site=site, kind=kind)
        ResourceHours.objects.create(resource=resource, weekday=0, opens_at=hours[0], closes_at=hours[1])
    assert find_faults(draft, site=site) == [
        "Visit Visit (30 minutes with turnover) can start at no time of the week: the hours of Clinic riverside and of"
        " what it needs never meet."
    ]


def test_gap_that_holds_no_start_of_the_grid(draft: ProtocolVersion, site: Site, chair: None) -> None:
    set_phase(draft, min_gap_hours=11, max_gap_hours=13)
    assert find_faults(draft, site=site) == [
        "Phase main/phase-0: a gap of 11 to 13 hours holds no start within the hours of Clinic riverside."
    ]


@pytest.mark.parametrize("kind", ["window", "at_least", "sequence"])
def test_window_that_holds_no_opening(draft: ProtocolVersion, track: Track, site: Site, chair: None, kind: str) -> None:
    other = add_track(draft)
    count = 1 if kind == "at_least" else None
    Link.objects.create(version=draft, type=kind, track=other, after=track, min_hours=10, max_hours=13, count=count)
    [fault] = find_faults(draft, site=site)
    assert fault.endswith("no other can start 10 to 13 hours after any main within the hours of Clinic riverside.")


def test_window_over_the_weekend_is_found(draft: ProtocolVersion, track: Track, site: Site, chair: None) -> None:
    """Friday's session ends at 09:30 at the latest; only Monday lies 70 to 72 hours later."""
    other = add_track(draft)
    Link.objects.create(version=draft, type="window", track=other, after=track, min_hours=70, max_hours=72)
    site.hours.exclude(weekday__in=[0, 4]).delete()
    assert find_faults(draft, site=site) == []
