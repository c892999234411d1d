"""Importing referrals: a number is an identity, good rows are kept, and twice is once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from io import StringIO
from threading import Barrier, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from clinic.models import Channel, Patient, PatientAbsence, Site
from protocols.models import Phase, Stage, Track, VisitType
from protocols.models.visit import Place
from scheduling.models import Course, CourseStatus, Session
from scheduling.referral_file import read_referrals
from scheduling.referrals import import_referrals
from tests import factories
from tests.factories import NOW

HEADER = (
    "referral_id,patient_reference,given_name,family_name,birth_date,email,phone,language,protocol,"
    "earliest_start,latest_start,preferred_time,availability,unavailable,anchor_on"
)
ADA = "R-1,,Ada,Abbott,1984-03-09,ada@mail.example,,es,short,+2,+9,9:30,mon-fri 08:00-12:00,+5 to +6,"
BEN = "R-2,,Ben,Bell,,,+1 555 0102,,short,2026-12-01,2026-12-31,,,,"


@pytest.fixture
def protocol(site):
    return factories.make_protocol(code="short")


def load(site: Site, *lines: str, header: str = HEADER, **options):
    content = "\n".join([header, *lines]).encode()
    listed = read_referrals(content, today=NOW.astimezone(site.zone).date())
    return import_referrals(listed.referrals, site=site, now=NOW, faults=listed.faults, **options)


def write(tmp_path, *lines: str):
    path = tmp_path / "referrals.csv"
    path.write_text("\n".join([HEADER, *lines]))
    return path


def run_command(*arguments: object, **options) -> str:
    output = StringIO()
    call_command("import_referrals", *map(str, arguments), stdout=output, stderr=output, **options)
    return output.getvalue()


def test_a_row_becomes_a_patient_and_a_course_that_waits_to_be_planned(site, protocol):
    report = load(site, ADA)
    course = Course.objects.select_related("patient").get()
    patient = course.patient
    assert (report.added, report.known, report.faults) == ((course.pk,), (), ())
    assert (
        patient.home_site,
        patient.full_name,
        patient.birth_date,
        patient.email,
        patient.language,
        patient.channel,
    ) == (site, "Ada Abbott", date(1984, 3, 9), "ada@mail.example", "es", Channel.EMAIL)
    assert (
        course.site,
        course.version,
        course.reference,
        course.status,
        course.earliest_start,
        course.latest_start,
        course.preferred_time,
        course.availability,
        course.requested_at,
    ) == (
        site,
        protocol,
        "R-1",
        CourseStatus.PLANNING,
        date(2026, 11, 25),
        date(2026, 12, 2),
        time(9, 30),
        {day: [["08:00", "12:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        NOW,
    )


def test_days_the_patient_cannot_come_are_whole_days_at_the_site(site, protocol):
    load(site, ADA)
    absence = PatientAbsence.objects.get()
    assert (absence.start, absence.end) == (
        datetime(2026, 11, 28, 5, tzinfo=UTC),
        datetime(2026, 11, 30, 5, tzinfo=UTC),
    )


def test_a_patient_without_e_mail_gets_a_printed_calendar(site, protocol):
    load(site, BEN)
    assert [(patient.channel, patient.gets_email) for patient in Patient.objects.all()] == [(Channel.PRINT, False)]


def test_two_people_of_one_name_stay_two(site, protocol):
    load(site, ADA, ADA.replace("R-1", "R-2"))
    assert Patient.objects.filter(given_name="Ada", family_name="Abbott").count() == 2


def test_two_referrals_of_one_patient_are_two_courses_of_one(site, protocol):
    factories.make_protocol(code="other")
    first = ADA.replace("R-1,", "R-1,P-7")
    report = load(site, first, ADA.replace("R-1,", "R-2,P-7").replace("short", "other"), first.replace("R-1", "R-3"))
    assert [str(fault) for fault in report.faults] == [
        "line 4, protocol: The patient already has a course of this protocol."
    ]
    patient = Patient.objects.get()
    assert [course.reference for course in patient.courses.order_by("pk")] == ["R-1", "R-2"]
    assert patient.absences.count() == 1


def test_a_patient_reference_of_somebody_else_is_refused(site, protocol):
    load(site, ADA.replace("R-1,", "R-1,P-7"))
    report = load(site, BEN.replace("R-2,", "R-2,P-7"))
    assert [str(fault) for fault in report.faults] == [
        "line 2, patient_reference: belongs to a patient of another name or date of birth."
    ]
    assert Course.objects.count() == 1


def test_running_twice_adds_nothing_twice(site, protocol):
    first = load(site, ADA, BEN)
    again = load(site, ADA, BEN)
    assert (again.added, again.known) == ((), first.added)
    assert (Patient.objects.count(), Course.objects.count(), PatientAbsence.objects.count()) == (2, 2, 1)


def test_the_same_number_at_another_site_is_another_referral(site, other_site, protocol):
    load(site, ADA)
    load(other_site, ADA)
    assert {course.site for course in Course.objects.all()} == {site, other_site}


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_add_nothing_twice(site, protocol):
    reports = []
    start = Barrier(2)

    def run() -> None:
        start.wait()
        reports.append(load(site, ADA, BEN))
        connection.close()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(report.added) + len(report.known) for report in reports) == [2, 2]
    assert sum(len(report.added) for report in reports) == 2
    assert (Patient.objects.count(), Course.objects.count()) == (2, 2)


def test_good_rows_are_kept_beside_a_bad_one(site, protocol):
    report = load(site, ADA, BEN.replace("short", "nothing"), "R-3,oops")
    assert len(report.added) == 1
    assert [str(fault) for fault in report.faults] == [
        "line 3, protocol: is not the code of a protocol that is published here.",
        "line 4: has 2 values where the header names 15 columns.",
    ]
    assert Patient.objects.count() == 1


@pytest.mark.parametrize("bad", [BEN.replace("short", "nothing"), "R-3,oops"], ids=["at the site", "in the file"])
def test_all_or_nothing_keeps_nothing_beside_a_bad_row(site, protocol, bad):
    report = load(site, ADA, bad, all_or_nothing=True)
    assert (report.added, len(report.faults)) == ((), 1)
    assert (Patient.objects.count(), Course.objects.count()) == (0, 0)
    assert len(load(site, ADA, BEN, all_or_nothing=True).added) == 2


def test_a_dry_run_writes_nothing(site, protocol):
    report = load(site, ADA, BEN, dry_run=True)
    assert (len(report.added), Patient.objects.count(), Course.objects.count()) == (2, 0, 0)


def test_the_sites_own_protocol_comes_before_the_librarys(site, other_site, protocol):
    own = factories.make_protocol(code="short", site=site)
    factories.make_protocol(code="draft", site=site, publish=False)
    load(site, ADA, BEN.replace("short", "draft"))
    load(other_site, ADA)
    assert {course.site: course.version for course in Course.objects.all()} == {site: own, other_site: protocol}


def test_a_course_after_an_operation_starts_on_its_day(site):
    version = factories.make_protocol(code="implant", publish=False)
    surgery = VisitType.objects.create(version=version, code="surgery", name="Operation", place=Place.EXTERNAL)
    Stage.objects.create(visit_type=surgery, position=0, name="Operation", minutes=60, is_treatment=True)
    Track.objects.filter(version=version).update(position=1, first_day=7)
    track = Track.objects.create(version=version, position=0, name="surgery", visit_type=surgery)
    Phase.objects.create(
        track=track, position=0, name="surgery", periods=1, period_days=1, per_period=1, min_gap_hours=0
    )
    version.status, version.published_at = "published", NOW
    version.save(update_fields=["status", "published_at"])
    row = "R-9,,Ada,Abbott,,,+1 555 0101,,implant,,,,,,2026-12-01 07:30"
    report = load(site, row, row.replace("R-9", "R-10").replace("2026-12-01 07:30", "2027-03-14 02:30"))
    assert [(s.local_date, s.local_time, s.track) for s in Session.objects.all()] == [
        (date(2026, 12, 1), time(7, 30), track)
    ]
    assert [str(fault) for fault in report.faults] == ["line 3, anchor_on: is a time that the clock skips on that day."]


def test_an_operation_is_asked_for_and_only_where_it_matters(site, protocol):
    row = "R-9,,Ada,Abbott,,,+1 555 0101,,short,,,,,,2026-12-01 07:30"
    assert [(fault.line, fault.column) for fault in load(site, row).faults] == [(2, "anchor_on")]


def test_the_command_counts_and_tells_faults_by_line_and_column(site, protocol, tmp_path):
    path = write(tmp_path, ADA, BEN.replace("2026-12-01", "soon"))
    output = StringIO()
    with pytest.raises(CommandError, match=r"^1 row was refused\.$"):
        call_command("import_referrals", path, site=site.code, plan=False, stdout=output, stderr=output)
    assert output.getvalue().splitlines()[-2:] == [
        "line 3, earliest_start: is not a date such as 2026-12-01, or days from the day of import such as +7 or -30.",
        "1 imported, 0 known already.",
    ]
    assert "Bell" not in output.getvalue()


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_plain_lines_elsewhere(site, protocol, tmp_path):
    path = write(tmp_path, ADA, BEN)
    terminal, file = Terminal(), StringIO()
    call_command("import_referrals", path, site=site.code, plan=False, stdout=StringIO(), stderr=terminal)
    call_command("import_referrals", path, site=site.code, plan=False, stdout=StringIO(), stderr=file)
    assert terminal.getvalue() == (
        f"\rImporting referrals {'█' * 15}{'░' * 15} 1/2\rImporting referrals {'█' * 30} 2/2\n"
    )
    assert file.getvalue() == "Importing referrals: 1 of 2\nImporting referrals: 2 of 2\n"


def test_progress_counts_the_rows_of_the_file_with_those_refused(site, protocol, tmp_path):
    bad = [f"R-{number},,,Bell,,,+1 555 0102,,short,+1,+9,,,," for number in range(10, 18)]
    said = StringIO()
    with pytest.raises(CommandError, match=r"^8 rows were refused\.$"):
        call_command(
            "import_referrals", write(tmp_path, ADA, *bad, BEN), site=site.code, stdout=StringIO(), stderr=said
        )
    assert said.getvalue().splitlines()[:2] == ["Importing referrals: 9 of 10", "Importing referrals: 10 of 10"]


def test_a_bad_row_tells_that_its_protocol_is_unknown_too(site, protocol, tmp_path):
    said = StringIO()
    path = write(tmp_path, "R-1,,Ada,,1899-01-01,nobody,,en,nothing,+1,+9,25:00,,,")
    with pytest.raises(CommandError, match=r"^1 row was refused\.$"):
        call_command("import_referrals", path, site=site.code, stdout=StringIO(), stderr=said)
    assert said.getvalue().splitlines() == [
        "line 2, birth_date: lies in the future, or before 1900.",
        "line 2, email: is not an e-mail address.",
        "line 2, family_name: is empty.",
        "line 2, preferred_time: is not a time of day such as 09:30.",
        "line 2, protocol: is not the code of a protocol that is published here.",
    ]


def test_the_command_names_a_site_or_a_file_that_is_not_there(site, tmp_path):
    with pytest.raises(CommandError, match=r"^There is no site with that code\. Sites: riverside\.$"):
        run_command(write(tmp_path, ADA), "--site", "elsewhere")
    with pytest.raises(CommandError, match=r"none\.csv cannot be read: No such file or directory\.$"):
        run_command(tmp_path / "none.csv", "--site", site.code)
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(CommandError, match=r"empty\.csv: The file is empty\.$"):
        run_command(empty, "--site", site.code)
