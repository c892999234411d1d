"""A protocol may set its own reminders: in its file, in a draft, and in every copy."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

import pytest

from clinic.models import Site, User
from protocols.library import load_library, read_library
from protocols.lifecycle import adopt_protocol, copy_to_draft, publish_version
from protocols.models import Protocol, ProtocolVersion
from protocols.node import LibraryError
from tests.protocols.files import change

NAME = "name: Spravato for treatment-resistant depression"


def spravato(folder: Path, text: str) -> None:
    change(folder, "spravato-trd.yaml", NAME, f"{NAME}\n{text}")


def test_file_without_reminders_leaves_them_to_the_site(db: None, small_folder: Path, now: datetime) -> None:
    load_library(now=now, folder=small_folder)
    assert set(ProtocolVersion.objects.values_list("reminder_days", "reminder_time")) == {(None, None)}


@pytest.mark.parametrize(
    ("text", "days", "at"),
    [
        ('reminders: {days: [1, 5], time: "09:30"}', [5, 1], time(9, 30)),
        ("reminders: {days: [2]}", [2], None),
        ('reminders: {time: "16:00"}', None, time(16)),
    ],
)
def test_file_sets_days_and_time(
    db: None, small_folder: Path, now: datetime, text: str, days: list[int] | None, at: time | None
) -> None:
    spravato(small_folder, text)
    load_library(now=now, folder=small_folder)
    version = ProtocolVersion.objects.get(protocol__code="spravato-trd")
    assert (version.reminder_days, version.reminder_time) == (days, at)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reminders: {}", "reminders must name days, a time or both."),
        ("reminders: [3, 1]", "reminders must be a mapping, not [3, 1]."),
        ("reminders: {day: [3]}", "reminders.day is not a field of this place."),
        ("reminders: {days: []}", "reminders.days must list different days from 1 to 30 before a visit, not []."),
        (
            "reminders: {days: [0, 31]}",
            "reminders.days must list different days from 1 to 30 before a visit, not [0, 31].",
        ),
        (
            "reminders: {days: [2, 2]}",
            "reminders.days must list different days from 1 to 30 before a visit, not [2, 2].",
        ),
        ("reminders: {time: 9}", "reminders.time must be text, not 9."),
        ('reminders: {time: "25:00"}', "reminders.time must be a time such as \"09:00\", not '25:00'."),
    ],
)
def test_bad_reminders_are_one_sentence(small_folder: Path, text: str, sentence: str) -> None:
    spravato(small_folder, text)
    with pytest.raises(LibraryError) as fault:
        read_library(small_folder)
    assert str(fault.value) == f"spravato-trd.yaml: {sentence}"


def test_copies_keep_them(site: Site, clinician: User, small_folder: Path, now: datetime) -> None:
    spravato(small_folder, 'reminders: {days: [5], time: "09:30"}')
    load_library(now=now, folder=small_folder)
    adopted = adopt_protocol(Protocol.objects.get(code="spravato-trd"), site=site, now=now, by=clinician)
    publish_version(adopted, now=now, by=clinician)
    copied = copy_to_draft(adopted, now=now, by=clinician)
    for version in (adopted, copied):
        assert (version.reminder_days, version.reminder_time) == ([5], time(9, 30))
