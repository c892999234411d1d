"""Loading the files into an empty database, and what a bad file says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clinic.models import ResourceKind
from protocols.library import load_library, read_library
from protocols.models import Instruction, Protocol
from protocols.node import LibraryError
from protocols.sources import value_text
from tests.protocols.files import change


def test_kind_that_a_clinic_has_renamed_keeps_its_name(db: None, small_folder: Path, now: datetime) -> None:
    ResourceKind.objects.create(code="chair", name="Recliner")
    load_library(now=now, folder=small_folder)
    assert ResourceKind.objects.get(code="chair").name == "Recliner"
    assert ResourceKind.objects.get(code="tms_device").name == "TMS device"


def test_instruction_is_loaded_with_its_spanish_and_its_minutes(db: None, small_folder: Path, now: datetime) -> None:
    load_library(now=now, folder=small_folder)
    spray = Instruction.objects.get(kind="other", visit_type__version__protocol__code="spravato-trd")
    assert (spray.minutes_before, spray.text, spray.text_es) == (
        60,
        "No nasal spray with a steroid or a decongestant after {time}.",
        "No use aerosoles nasales con esteroides o descongestionantes después de {time}.",
    )
    change(small_folder, "spravato-trd.yaml", 'text_es: "Su lista de medicamentos y su tarjeta del seguro médico."', "")
    assert load_library(now=now, folder=small_folder).published == ("spravato-trd",)
    without = Instruction.objects.get(kind="bring", visit_type__version__status="published", text_es="")
    assert without.text == "Your medication list and your health insurance card."


def test_command_loads_and_says_so(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_library")
    call_command("load_library")
    assert capsys.readouterr().out.splitlines() == [
        "Protocol library: 32 published, 0 unchanged.",
        "Protocol library: 0 published, 32 unchanged.",
    ]


# Bad files


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "text: [Your medication list and your health insurance card., ASSUMPTION]",
            'text: ["Your list at {time}.", ASSUMPTION]',
            "spravato-trd.yaml: Visit Dosing visit: the instruction “Your list at {time}.” says {time} in one language"
            " and not in the other.",
        ),
        (
            "minutes: [120, LABEL, S3 S5]",
            "minutes: 120",
            "spravato-trd.yaml: visits.dosing.stages[2].minutes must be [value, TAG] or [value, TAG, citation],"
            " not 120.",
        ),
        (
            "minutes: [120, LABEL, S3 S5]",
            "minutes: [two hours, LABEL, S3]",
            "spravato-trd.yaml: visits.dosing.stages[2].minutes has a value of the wrong sort: 'two hours'.",
        ),
        (
            "minutes: [120, LABEL, S3 S5]",
            "minutes: [120, LABEL]",
            "spravato-trd.yaml: visits.dosing.stages[2].minutes is tagged LABEL but names no citation.",
        ),
        (
            "minutes: [120, LABEL, S3 S5]",
            "minutes: [120, LABEL, S99]",
            "spravato-trd.yaml: visits.dosing.stages[2].minutes cites S99, which sources.yaml does not list.",
        ),
        (
            "minutes: [120, LABEL, S3 S5]",
            "minutes: [120, HEARSAY, S3]",
            "spravato-trd.yaml: visits.dosing.stages[2].minutes has the tag 'HEARSAY'; use one of"
            " LABEL, GUIDELINE, TRIAL, PRACTICE, ASSUMPTION.",
        ),
        (
            "periods: [4, LABEL, S3]",
            "period: [4, LABEL, S3]",
            "spravato-trd.yaml: tracks[0].phases[0].periods is missing.",
        ),
        (
            "slip_days: [3, ASSUMPTION]",
            "slip_days: [3, ASSUMPTION]\n        slips: [3, ASSUMPTION]",
            "spravato-trd.yaml: tracks[0].phases[0].slips is not a field of this place.",
        ),
        (
            "[[chair, clinician/rems], PRACTICE, S12]",
            "[[chair, nurse], PRACTICE, S12]",
            "spravato-trd.yaml: visits.dosing.stages[0].needs names the kind 'nurse', which kinds.yaml does not list.",
        ),
        (
            "    visit: dosing\n",
            "    visit: dose\n",
            "spravato-trd.yaml: tracks[0].visit names no visit of this file: 'dose'.",
        ),
        ("family: spravato", "family: nasal", "spravato-trd.yaml: family must be one of tms, spravato, ketamine,"),
        (
            "after: [8, LABEL, S3]",
            "after: [7, LABEL, S3]",
            "spravato-trd.yaml: Decision after spravato 7 is blocking, so it must follow the last session of a period"
            " (2, 4, 6, 8, 9, 10 ...).",
        ),
        (
            "moment: [after, LABEL, S5 S6], due_days: [7, LABEL, S5 S6]",
            "moment: [after, LABEL, S5 S6]",
            "spravato-trd.yaml: gates[9].due_days belongs to what is due after the visit, and must be given there.",
        ),
        (
            "moment: [discharge, LABEL, S3]",
            "moment: [discharge, LABEL, S3], due_days: [7, LABEL, S5]",
            "spravato-trd.yaml: gates[8].due_days belongs to what is due after the visit, and must be given there.",
        ),
        (
            "due_days: [7, LABEL, S5 S6], each_visit: true",
            "due_days: [7, LABEL, S5 S6]",
            "spravato-trd.yaml: gates[9].each_visit must be true for what is due after the visit.",
        ),
        ("family: spravato", "family: [spravato", "spravato-trd.yaml: line 3, column 8 cannot be read as YAML:"),
        (
            "        treatment: true\n",
            "        treatment: true\n        minutes: [5, LABEL, S1]\n",
            "spravato-trd.yaml: line 23, column 9 cannot be read as YAML: minutes stands twice.",
        ),
        ("name: Spravato", "7: seven\nname: Spravato", "spravato-trd.yaml: 7 is not a field of this place."),
    ],
)
def test_bad_file_is_one_sentence_and_loads_nothing(
    db: None, small_folder: Path, now: datetime, old: str, new: str, sentence: str
) -> None:
    change(small_folder, "spravato-trd.yaml", old, new)
    with pytest.raises(LibraryError) as refusal:
        load_library(now=now, folder=small_folder)
    assert str(refusal.value).startswith(sentence)
    assert "\n" not in str(refusal.value)
    assert not Protocol.objects.exists()
    assert not ResourceKind.objects.exists()


def test_command_says_what_is_wrong_with_a_file(db: None, small_folder: Path) -> None:
    change(small_folder, "spravato-trd.yaml", "family: spravato\n", "")
    with pytest.raises(CommandError, match=r"^spravato-trd\.yaml: family is missing\.$"):
        call_command("load_library", folder=small_folder)


def test_missing_folder_is_named(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^kinds\.yaml: the file cannot be read"):
        call_command("load_library", folder=tmp_path / "nowhere")


def test_reading_the_files_needs_no_database() -> None:
    kinds, protocols = read_library()
    assert "tms_device" in kinds
    assert len(protocols) == 32


def test_value_text_is_what_a_source_quotes() -> None:
    assert [value_text(value) for value in (True, False, 44, "append")] == ["yes", "no", "44", "append"]
