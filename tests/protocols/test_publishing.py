"""A draft is published when an empty calendar of its site could take it, and refused with the reason otherwise."""

from __future__ import annotations

from datetime import datetime

import pytest

from clinic.models import Closure, Site, User
from protocols.lifecycle import LifecycleError, adopt_protocol, copy_to_draft
from protocols.models import Instruction, Phase, Protocol, ProtocolVersion, Stage
from protocols.validation import find_faults
from scheduling import engine
from scheduling.demo.site import make_site
from scheduling.publishing import (
    PublishingRefused,
    find_notes,
    find_telling_texts,
    pose_trial,
    publish_protocol,
    trial_anchors,
)
from tests import factories

PATIENCE = 60.0  # seconds; a busy machine is slow, an impossible protocol is proven so


def published(code: str) -> ProtocolVersion:
    return ProtocolVersion.objects.published().select_related("protocol").get(protocol__code=code, protocol__site=None)


def adopt(code: str, *, site: Site, now: datetime) -> ProtocolVersion:
    return adopt_protocol(Protocol.objects.get(code=code, site=None), site=site, now=now, by=None)


def test_every_library_protocol_can_be_planned_at_the_demonstration_clinic(library: None, now: datetime) -> None:
    site = make_site(now=now)
    versions = ProtocolVersion.objects.published().filter(protocol__site=None).select_related("protocol")
    answers = {version.protocol.code: plan_trial(version, site=site, now=now) for version in versions}
    assert {code for code, answer in answers.items() if answer != "planned"} == set()
    assert len(answers) == 32


def plan_trial(version: ProtocolVersion, *, site: Site, now: datetime) -> str:
    faults = find_faults(version, site=site)
    if faults:
        return " ".join(faults)
    problem = pose_trial(version, site=site, now=now, anchor=trial_anchors(version, site=site, now=now)[0])
    result = engine.plan(problem, time_limit=PATIENCE)
    broken = engine.check(problem, result)
    return f"broken: {broken}" if broken else f"{result.courses[0].status}{result.courses[0].message}"


def test_publish_retires_the_version_before(db: None, site: Site, clinician: User, now: datetime) -> None:
    factories.make_resource(site=site, kind="chair")
    first = factories.make_protocol(site=site)
    draft = copy_to_draft(first, now=now, by=clinician)
    publish_protocol(draft, now=now, by=clinician)
    first.refresh_from_db()
    assert (draft.status, draft.published_at, draft.published_by, first.status) == (
        "published",
        now,
        clinician,
        "retired",
    )


def test_draft_with_faults_is_refused_with_all_of_them_and_stays_a_draft(
    db: None, site: Site, clinician: User, now: datetime
) -> None:
    draft = factories.make_protocol(site=site, publish=False, sedating=True)
    Stage.objects.filter(visit_type__version=draft).update(is_treatment=False)
    with pytest.raises(PublishingRefused) as refusal:
        publish_protocol(draft, now=now, by=clinician)
    assert refusal.value.faults == [
        "Visit Visit has no treatment stage.",
        "Visit Visit is sedating, but no instruction asks for a driver.",
    ]
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_instruction_that_no_message_says_is_a_note_and_no_refusal(
    db: None, site: Site, clinician: User, now: datetime
) -> None:
    factories.make_resource(site=site, kind="chair")
    draft = factories.make_protocol(site=site, publish=False)
    visit = draft.visit_types.get()
    visit.instructions.create(kind="other", text="Please be early for your Ketamine infusion.")
    visit.instructions.create(kind="bring", text="Your card.", text_es="Su tarjeta de ketamina.")
    visit.instructions.create(kind="bring", text="Your list.", text_es="Su lista.")
    assert find_notes(draft) == [
        "Visit Visit: “Please be early for your Ketamine infusion.” names “Ketamine”, so messages leave it out. "
        "Patients read it only on their own page, behind the link in the mail.",
        "Visit Visit: “Su tarjeta de ketamina.” names “ketamina”, so messages leave it out. "
        "Patients read it only on their own page, behind the link in the mail.",
        "Visit Visit: “Please be early for your Ketamine infusion.” has no Spanish text; patients who read Spanish get "
        "it in English.",
    ]
    assert publish_protocol(draft, now=now, by=clinician).status == "published"


def test_instructions_of_the_library_that_messages_leave_out_are_those_of_the_nose_sprays(library: None) -> None:
    left_out = [text for version in ProtocolVersion.objects.all() for text in find_telling_texts(version)]
    assert len(left_out) == 4 and all("nasal" in text for text in left_out)


def test_visit_longer_than_any_opening_is_refused(db: None, clinician: User, now: datetime) -> None:
    site = factories.make_site(code="short", days=5)
    factories.make_resource(site=site, kind="chair")
    draft = factories.make_protocol(site=site, publish=False, minutes=660)
    with pytest.raises(PublishingRefused) as refusal:
        publish_protocol(draft, now=now, by=clinician)
    assert refusal.value.faults == ["Visit Visit takes 660 minutes; the longest opening of Clinic short is 600."]


def test_protocol_that_no_empty_calendar_can_take_is_refused_with_the_planners_reason(
    db: None, clinician: User, now: datetime
) -> None:
    """Five days in a row in a clinic that is open on four: each rule alone can be kept, all together cannot."""
    site = factories.make_site(code="four-days", days=4)
    factories.make_resource(site=site, kind="chair")
    five_days = {"periods": 1, "period_days": 5, "per_period": 5, "min_gap_hours": 20, "max_gap_hours": 28}
    draft = factories.make_protocol(site=site, publish=False, phases=(five_days,))
    assert find_faults(draft, site=site) == []
    with pytest.raises(PublishingRefused) as refusal:
        publish_protocol(draft, now=now, by=clinician)
    [fault] = refusal.value.faults
    assert fault == (
        "No course could be booked even on an empty calendar of Clinic four-days. "
        "This would help: open Clinic four-days on Friday, December 4 from 10:00 AM to 10:30 AM."
    )
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_closed_days_and_booked_seats_do_not_hinder_publishing(db: None, site: Site, now: datetime) -> None:
    """The trial is of an ordinary week: what is closed or taken now passes."""
    factories.make_resource(site=site, kind="chair")
    Closure.objects.create(site=site, first_on=factories.a_day(), last_on=factories.a_day(200))
    draft = factories.make_protocol(site=site, publish=False)
    assert publish_protocol(draft, now=now, by=None).status == "published"


def test_course_after_an_operation_is_tried_from_each_weekday(library: None, now: datetime) -> None:
    """A check two or three days later: in a clinic open on Mondays only, an operation on Friday or Saturday serves."""
    site = factories.make_site(code="mondays", days=1)
    for kind, skills in (("programmer", []), ("clinician", ["prescriber"])):
        factories.make_resource(site=site, kind=kind, skills=skills)
    draft = adopt("scs-trial-implant", site=site, now=now)
    Phase.objects.filter(track__version=draft, name="check").update(slip_days=0)
    Phase.objects.filter(track__version=draft, name="removal").update(slip_days=4)
    assert publish_protocol(draft, now=now, by=None).status == "published"


def test_library_version_and_published_version_are_not_published(
    library: None, site: Site, clinician: User, now: datetime
) -> None:
    with pytest.raises(LifecycleError, match="is not a draft of a site's own protocol"):
        publish_protocol(published("saint"), now=now, by=clinician)
    with pytest.raises(LifecycleError, match="is not a draft of a site's own protocol"):
        publish_protocol(factories.make_protocol(site=site), now=now, by=clinician)


def test_adopted_spravato_with_a_shorter_watch_is_the_sites_own_affair(library: None, now: datetime) -> None:
    """Numbers are a clinician's to change; the fault that remains is a sedating visit without its driver."""
    site = make_site(now=now)
    draft = adopt("spravato-trd", site=site, now=now)
    Stage.objects.filter(visit_type__version=draft, is_monitoring=True).update(minutes=130)
    Instruction.objects.filter(visit_type__version=draft, kind="driver").delete()
    with pytest.raises(PublishingRefused, match="Dosing visit is sedating, but no instruction asks for a driver"):
        publish_protocol(draft, now=now, by=None)
