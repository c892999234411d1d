"""What the library ships, and what a later load of it changes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from clinic.models import Site
from protocols.blueprint import PATHS
from protocols.holds import HoldSpan, monitoring_minutes, occupied_minutes, treatment_span, visit_holds, visit_minutes
from protocols.library import FOLDER, LoadOutcome, load_library, read_words
from protocols.lifecycle import adopt_protocol, current_version, publish_version
from protocols.models import Instruction, Phase, Protocol, ProtocolVersion, Source, Stage, VisitType
from protocols.sources import SourceBook, needs_text, subject_of
from protocols.summary import TrackSummary, summarize_version, total_sessions
from protocols.validation import find_untranslated
from tests.protocols.files import change

# Code, and the sessions of all its tracks without an open-ended phase (operations elsewhere count as one).
SESSIONS = {
    "dbs-implant": 9,
    "dtms-depression": 44,
    "dtms-ocd": 29,
    "dtms-smoking": 18,
    "ketamine-crps-10day": 10,
    "ketamine-im": 6,
    "ketamine-iv-2wk": 10,
    "ketamine-iv-3wk": 6,
    "ketamine-oral": 12,
    "ketamine-pain-5day": 5,
    "ketamine-sc": 8,
    "ketamine-sublingual-home": 2,
    "ketamine-tms-alternating": 15,
    "ketamine-tms-same-visit": 30,
    "ketamine-tms-window": 18,
    "m1-fibromyalgia": 14,
    "m1-neuropathic-pain": 15,
    "saint": 5,
    "scs-implant": 8,
    "scs-trial-implant": 3,
    "spravato-mdsi": 8,
    "spravato-trd": 12,
    "tdcs-clinic": 15,
    "tms-10hz": 36,
    "tms-10hz-short": 36,
    "tms-1hz-right": 30,
    "tms-after-ketamine": 36,
    "tms-itbs": 36,
    "tms-low-back-pain": 20,
    "tms-migraine": 3,
    "tms-weekly-ketamine": 36,
    "vns-implant": 10,
}
NUMBERS: dict[str, tuple[str, ...]] = {
    "stages": ("minutes",),
    "tasks": ("at_minute",),
    "instructions": ("minutes_before",),
    "tracks": ("first_day",),
    "phases": (
        "periods",
        "period_days",
        "per_period",
        "min_gap_hours",
        "max_gap_hours",
        "slip_days",
        "max_in_count",
        "max_in_days",
    ),
    "links": ("min_hours", "max_hours", "count", "hours"),
    "gates": ("valid_days", "due_days"),
    "decision_points": ("after_number",),
}


def version_of(code: str) -> ProtocolVersion:
    version = current_version(Protocol.objects.get(site=None, code=code))
    assert version is not None
    return version


def visit_of(code: str, visit: str) -> VisitType:
    return version_of(code).visit_types.get(code=visit)


# What ships


def test_library_ships_every_protocol_with_its_sessions(library: None) -> None:
    versions = ProtocolVersion.objects.published().filter(protocol__site=None).prefetch_related("tracks__phases")
    assert {version.protocol.code: total_sessions(version) for version in versions.select_related("protocol")} == (
        SESSIONS
    )


def test_every_number_of_the_library_has_its_source_with_the_same_value(library: None) -> None:
    missing, differing = [], []
    for version in ProtocolVersion.objects.published().select_related("protocol"):
        book = SourceBook.of_version(version)
        for row, field in numbers_of(version):
            value = getattr(row, field)
            if value is None or is_default(row, field, value):
                continue
            if book.of(row, field) is None:
                missing.append((version.protocol.code, subject_of(row), field))
            elif not book.still_vouches(row, field, value):
                differing.append((version.protocol.code, subject_of(row), field))
    assert (missing, differing) == ([], [])


def numbers_of(version: ProtocolVersion) -> list[tuple[Model, str]]:
    found: list[tuple[Model, str]] = []
    for table, fields in NUMBERS.items():
        model, path = PATHS[table]
        rows = model._default_manager.filter(**{path: version})
        found += [(row, field) for row in rows for field in fields]
    return found


def is_default(row: Model, field: str, value: object) -> bool:
    """The first day of a track is 0, and an open-ended phase has no count, unless the file says otherwise."""
    return (field == "first_day" and value == 0) or (field == "periods" and isinstance(row, Phase) and row.open_ended)


def test_every_need_has_its_source(library: None) -> None:
    missing = []
    for stage in Stage.objects.exclude(needs=None).select_related("visit_type__version").prefetch_related("needs"):
        source = Source.objects.get(version=stage.visit_type.version, subject=subject_of(stage), field="needs")
        if source.value != needs_text(stage):
            missing.append(source.subject)
    assert missing == []


def test_every_source_but_an_assumption_cites_something(library: None) -> None:
    assert not Source.objects.exclude(tag="ASSUMPTION").filter(citation="").exists()
    assert set(Source.objects.values_list("tag", flat=True)) == {
        "LABEL",
        "GUIDELINE",
        "TRIAL",
        "PRACTICE",
        "ASSUMPTION",
    }


def test_every_citation_of_the_library_is_used() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.yaml") if path.name not in ("sources.yaml"))
    unused = [code for code in read_words(FOLDER / "sources.yaml") if not re.search(rf"\b{code}\b", text)]
    assert unused == []


def test_every_sedating_visit_asks_for_a_driver_and_forbids_driving(library: None) -> None:
    sedating = VisitType.objects.filter(sedating=True)
    told = Instruction.objects.filter(visit_type__in=sedating, kind="driver").values_list("text", flat=True)
    assert sedating.count() == len(told) > 0
    assert set(told) == {"An adult must take you home. No driving until the next day, after restful sleep."}


def test_instructions_name_no_drug_device_diagnosis_or_treatment_but_the_one_for_the_page_alone(library: None) -> None:
    words = "spravato ketamin tms magn stimul estimul depres pain dolor infus inject inyec dose dosing dosis treat trat"
    words += " therap terap nasal spray aerosol steroid esteroid"
    rows = Instruction.objects.exclude(text="")
    texts = {text for row in rows for text in (row.text, row.text_es)}
    assert {text for text in texts if any(word in text.lower() for word in words.split())} == {
        "No nasal spray with a steroid or a decongestant after {time}.",
        "No use aerosoles nasales con esteroides o descongestionantes después de {time}.",
    }
    told = rows.filter(text__contains="{time}").values_list("visit_type__version__protocol__code", "minutes_before")
    assert set(told) == {("spravato-trd", 60), ("spravato-mdsi", 60)}


def test_every_instruction_of_the_library_has_its_spanish_text(library: None) -> None:
    assert Instruction.objects.exclude(text="").count() > 70
    assert [text for version in ProtocolVersion.objects.all() for text in find_untranslated(version)] == []
    driver = Instruction.objects.filter(kind="driver").values_list("text_es", flat=True)
    assert set(driver) == {
        "Un adulto debe llevarle a casa. No conduzca hasta el día siguiente, después de un sueño reparador."
    }


# Spravato


def test_the_monitoring_form_of_spravato_is_due_within_seven_days_by_the_label(library: None) -> None:
    for code in ("spravato-trd", "spravato-mdsi"):
        version = version_of(code)
        form = version.gates.get(moment="after")
        source = SourceBook.of_version(version).of(form, "due_days")
        assert (form.name, form.due_days, form.each_visit) == ("Monitoring form sent to the REMS", 7, True)
        assert source is not None
        assert (source.value, source.tag) == ("7", "LABEL")
        assert "REMS=386" in source.citation


def test_spravato_visit_has_its_stages_and_holds(library: None) -> None:
    visit = visit_of("spravato-trd", "dosing")
    stages = [
        (stage.name, stage.minutes, stage.is_treatment, stage.is_monitoring, stage.after_leaving)
        for stage in visit.stages.all()
    ]
    assert stages == [
        ("Arrival and checks", 15, False, False, False),
        ("Dosing", 10, True, False, False),
        ("Monitoring", 120, False, True, False),
        ("Discharge", 10, False, False, False),
        ("Chair turnover", 10, False, False, True),
    ]
    assert visit_holds(visit) == [
        HoldSpan("chair", None, 0, 165),
        HoldSpan("clinician", "rems", 0, 25),
        HoldSpan("prescriber_on_site", None, 15, 155),
        HoldSpan("monitor", None, 25, 155),
    ]
    assert (visit_minutes(visit), occupied_minutes(visit), monitoring_minutes(visit)) == (155, 165, 120)
    assert treatment_span(visit) == (15, 25)
    monitoring = visit.stages.get(is_monitoring=True)
    assert [(task.name, task.at_minute) for task in monitoring.tasks.all()] == [
        ("Blood pressure and pulse oximetry", 40)
    ]


def test_spravato_course_has_its_phases_and_blocks_after_the_eighth_dose(library: None) -> None:
    version = version_of("spravato-trd")
    assert summarize_version(version) == [
        TrackSummary(
            name="spravato",
            sessions=12,
            days=56,
            is_open_ended=True,
            phases=("2 a week for 4 weeks", "1 a week for 4 weeks", "1 every 14 days, open-ended"),
        )
    ]
    induction, _, maintenance = version.tracks.get().phases.all()
    assert (induction.max_in_count, induction.max_in_days) == (2, 7)
    assert (induction.missed_policy, maintenance.missed_policy) == ("append", "step_back")
    points = version.decision_points.values_list("after_number", "mode")
    assert list(points) == [(8, "blocking"), (12, "review")]


def test_monitoring_minutes_are_vouched_for_by_the_label_in_words_a_stranger_understands(library: None) -> None:
    version = version_of("spravato-trd")
    stage = Stage.objects.get(visit_type__version=version, is_monitoring=True)
    source = SourceBook.of_version(version).of(stage, "minutes")
    assert source is not None
    assert (source.tag, source.value, source.citation) == (
        "LABEL",
        "120",
        "Spravato US label dosing page for TRD (spravatohcp.com/dosing-spravato-trd); "
        "FDA page on the Spravato REMS (accessdata.fda.gov, REMS=386, updated 31 December 2024)",
    )


# TMS and the rest


def test_saint_day_is_one_visit_of_ten_holds_of_one_device(library: None) -> None:
    visit = visit_of("saint", "day")
    devices = [hold for hold in visit_holds(visit) if hold.kind == "tms_device"]
    first = visit_holds(visit).index(devices[0])
    assert devices == [
        HoldSpan("tms_device", "mri_guided", hour * 60, hour * 60 + 20, same_as=first if hour else None)
        for hour in range(10)
    ]
    assert (visit_minutes(visit), treatment_span(visit)) == (560, (0, 550))
    assert [hold for hold in visit_holds(visit) if hold.kind == "lounge"] == [HoldSpan("lounge", None, 0, 560)]


def test_first_tms_visit_is_longer_and_a_phase_of_its_own(library: None) -> None:
    version = version_of("tms-10hz")
    phases = version.tracks.get().phases.all()
    assert [(phase.name, phase.periods * phase.per_period) for phase in phases] == [
        ("mapping", 1),
        ("first-week", 4),
        ("acute", 25),
        ("taper-3", 3),
        ("taper-2", 2),
        ("taper-1", 1),
    ]
    assert phases[0].visit_type == version.visit_types.get(code="mapping")
    assert {visit.code: occupied_minutes(visit) for visit in version.visit_types.all()} == {
        "mapping": 90,
        "session": 60,
    }
    assert list(version.decision_points.values_list("after_number", "mode")) == [(20, "review"), (30, "review")]


def test_combined_protocols_have_their_links(library: None) -> None:
    found = {
        code: [
            (link.type, link.track.name, link.after.name, link.min_hours, link.max_hours, link.count, link.hours)
            for link in version_of(code).links.all()
        ]
        for code in ("ketamine-tms-window", "tms-weekly-ketamine", "ketamine-tms-alternating", "tms-after-ketamine")
    }
    assert found == {
        "ketamine-tms-window": [("window", "tms", "ketamine", 24, 72, None, None)],
        "tms-weekly-ketamine": [
            ("clear", "tms", "ketamine", None, None, None, 12),
            ("at_least", "tms", "ketamine", 24, 72, 1, None),
        ],
        "ketamine-tms-alternating": [("apart", "tms", "ketamine", None, None, None, None)],
        "tms-after-ketamine": [("sequence", "tms", "ketamine", 24, 144, None, None)],
    }


def test_both_in_one_visit_holds_device_and_infusion_room_together(library: None) -> None:
    holds = {hold.kind: (hold.begin, hold.end) for hold in visit_holds(visit_of("ketamine-tms-same-visit", "combined"))}
    assert holds == {
        "infusion_room": (0, 130),
        "clinician": (0, 70),
        "tms_device": (30, 70),
        "tms_operator": (30, 70),
        "monitor": (70, 120),
    }


def test_holds_ask_nothing_once_prefetched(library: None) -> None:
    visits = list(version_of("saint").visit_types.prefetch_related("stages__needs"))
    with CaptureQueriesContext(connection) as queries:
        assert [len(visit_holds(visit)) for visit in visits] == [21]
    assert len(queries) == 0


# Loading


def test_load_twice_adds_nothing_twice(library: None, now: datetime) -> None:
    before = list(ProtocolVersion.objects.values_list("uuid", "number", "status").order_by("pk"))
    with CaptureQueriesContext(connection) as queries:
        outcome = load_library(now=now + timedelta(days=1))
    assert outcome == LoadOutcome(published=(), unchanged=tuple(sorted(SESSIONS, key=lambda code: f"{code}.yaml")))
    assert list(ProtocolVersion.objects.values_list("uuid", "number", "status").order_by("pk")) == before
    assert len(queries) <= 5


def test_changed_file_becomes_a_new_version_and_retires_the_old(library: None, folder: Path, now: datetime) -> None:
    change(folder, "tms-itbs.yaml", "minutes: [8, ASSUMPTION]", "minutes: [9, ASSUMPTION]")
    later = now + timedelta(days=1)
    assert load_library(now=later, folder=folder).published == ("tms-itbs",)
    versions = ProtocolVersion.objects.filter(protocol__code="tms-itbs").order_by("number")
    assert [(version.number, version.status, version.published_at) for version in versions] == [
        (1, "retired", now),
        (2, "published", later),
    ]
    session = versions[1].visit_types.get(code="session")
    assert next(stage.minutes for stage in session.stages.all()) == 9


def test_comment_in_a_file_is_no_new_version(library: None, folder: Path, now: datetime) -> None:
    change(folder, "tms-itbs.yaml", "visits:\n", "# A remark\n\nvisits:\n")
    assert load_library(now=now, folder=folder).published == ()


def test_citation_with_other_words_is_a_new_version(library: None, folder: Path, now: datetime) -> None:
    change(folder, "sources.yaml", "T28: Trial of", "T28: A trial of")
    assert load_library(now=now, folder=folder).published == ("tms-migraine",)


def test_adopted_protocol_is_not_touched_by_a_later_load(
    library: None, folder: Path, site: Site, now: datetime
) -> None:
    draft = adopt_protocol(Protocol.objects.get(site=None, code="tms-itbs"), site=site, now=now, by=None)
    publish_version(draft, now=now, by=None)
    before = snapshot(draft)
    change(folder, "tms-itbs.yaml", "minutes: [8, ASSUMPTION]", "minutes: [9, ASSUMPTION]")
    load_library(now=now + timedelta(days=1), folder=folder)
    draft.refresh_from_db()
    assert snapshot(draft) == before
    assert draft.protocol.versions.get() == draft
    assert draft.protocol.adopted_from is not None
    assert draft.protocol.adopted_from.status == "retired"


def snapshot(version: ProtocolVersion) -> dict[str, list[Any]]:
    """Every value of every row of the version."""
    tables: dict[str, list[Any]] = {
        name: list(model._default_manager.filter(**{path: version}).order_by("pk").values())
        for name, (model, path) in PATHS.items()
    }
    return {**tables, "version": list(ProtocolVersion.objects.filter(pk=version.pk).values())}
