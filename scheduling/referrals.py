"""Import a referral list: patients and courses to be planned. The referral's number is its identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from clinic.models import Channel, Patient, PatientAbsence, Site, User
from protocols.models import Protocol, ProtocolVersion
from scheduling.booking import request_course
from scheduling.models import Course
from scheduling.referral_file import UNKNOWN_PROTOCOL, Fault, Referral

# What request_course calls a value, where the list calls it otherwise.
COLUMN_OF = {"version": "protocol", "anchor_at": "anchor_on", "reference": "referral_id", "patient": "referral_id"}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImportReport:
    """`added` and `known` are ids of courses: new ones, and those an earlier import has made."""

    added: tuple[int, ...]
    known: tuple[int, ...]
    faults: tuple[Fault, ...]


class _Undo(Exception):
    """Leaves the transaction without a trace."""


def import_referrals(
    referrals: Iterable[Referral],
    *,
    site: Site,
    now: datetime,
    by: User | None = None,
    faults: Iterable[Fault] = (),
    all_or_nothing: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the good rows, each in a transaction of its own; with `all_or_nothing` all of them or none."""
    rows = list(referrals)
    report = ImportReport((), (), tuple(faults))
    if not all_or_nothing and not dry_run:
        return _import_rows(rows, site=site, now=now, by=by, report=report, progress=progress)
    try:
        with transaction.atomic():
            report = _import_rows(rows, site=site, now=now, by=by, report=report, progress=progress)
            if dry_run or report.faults:
                raise _Undo
    except _Undo:
        if not dry_run:
            return ImportReport((), report.known, report.faults)
    return report


def _import_rows(
    rows: list[Referral],
    *,
    site: Site,
    now: datetime,
    by: User | None,
    report: ImportReport,
    progress: Progress | None,
) -> ImportReport:
    versions = find_versions(site, {row.protocol for row in rows})
    added: list[int] = []
    known: list[int] = []
    faults = list(report.faults)
    refused = len({fault.line for fault in faults})
    for done, row in enumerate(rows, start=1):
        try:
            course, is_new = _import_row(row, site=site, version=versions.get(row.protocol), now=now, by=by)
            (added if is_new else known).append(course.pk)
        except ValidationError as error:
            faults += _faults_of(row, error)
        if progress:
            progress(refused + done, refused + len(rows))
    return ImportReport(tuple(added), tuple(known), tuple(sorted(faults)))


def list_protocol_codes(site: Site) -> set[str]:
    """The codes that a referral to the site may name."""
    return set(published_at(site).values_list("protocol__code", flat=True))


def published_at(site: Site) -> QuerySet[ProtocolVersion]:
    usable = Protocol.objects.usable_at(Site.objects.filter(pk=site.pk))
    return ProtocolVersion.objects.published().filter(protocol__in=usable)


def find_versions(site: Site, codes: Iterable[str]) -> dict[str, ProtocolVersion]:
    """The version a new course gets: the site's own protocol comes before the library's of the same code."""
    versions = published_at(site).filter(protocol__code__in=list(codes)).select_related("protocol").order_by("number")
    ranked = sorted(versions, key=lambda version: not version.protocol.is_library)
    return {version.protocol.code: version for version in ranked}


@transaction.atomic
def _import_row(
    row: Referral, *, site: Site, version: ProtocolVersion | None, now: datetime, by: User | None
) -> tuple[Course, bool]:
    # Two imports of one list at once: the second waits here, and then finds what the first has made.
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    if course := Course.objects.filter(site=site, reference=row.referral_id).first():
        return course, False
    if version is None:
        raise ValidationError({"protocol": UNKNOWN_PROTOCOL})
    course = request_course(
        patient=_get_patient(row, site=site),
        site=site,
        version=version,
        earliest_start=row.earliest_start,
        latest_start=row.latest_start,
        preferred_time=row.preferred_time,
        availability=row.availability,
        anchor_at=_read_anchor(row, site=site),
        reference=row.referral_id,
        now=now,
        by=by,
    )
    return course, True


def _get_patient(row: Referral, *, site: Site) -> Patient:
    """The patient the reference names, as the records have them; or a new one. A name is nobody's identity."""
    patient = Patient.objects.filter(reference=row.patient_reference).first() if row.patient_reference else None
    if patient is None:
        patient = _make_patient(row, site=site)
    elif not _is_same_person(patient, row):
        raise ValidationError({"patient_reference": "belongs to a patient of another name or date of birth."})
    for first, last in row.unavailable:
        start, end = (_at_midnight(day, site) for day in (first, last + timedelta(days=1)))
        PatientAbsence.objects.get_or_create(patient=patient, start=start, end=end)
    return patient


def _make_patient(row: Referral, *, site: Site) -> Patient:
    patient = Patient(
        home_site=site,
        reference=row.patient_reference,
        given_name=row.given_name,
        family_name=row.family_name,
        birth_date=row.birth_date,
        email=row.email,
        phone=row.phone,
        language=row.language,
        channel=Channel.EMAIL if row.email else Channel.PRINT,
    )
    patient.full_clean()
    patient.save()
    return patient


def _is_same_person(patient: Patient, row: Referral) -> bool:
    same_name = (patient.given_name, patient.family_name) == (row.given_name, row.family_name)
    return same_name and (row.birth_date is None or patient.birth_date in (None, row.birth_date))


def _at_midnight(day: date, site: Site) -> datetime:
    return datetime.combine(day, time(), tzinfo=site.zone).astimezone(UTC)


def _read_anchor(row: Referral, *, site: Site) -> datetime | None:
    if row.anchor_on is None:
        return None
    instant = row.anchor_on.replace(tzinfo=site.zone).astimezone(UTC)
    if instant.astimezone(site.zone).replace(tzinfo=None) != row.anchor_on:
        raise ValidationError({"anchor_on": "is a time that the clock skips on that day."})
    return instant


def _faults_of(row: Referral, error: ValidationError) -> list[Fault]:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return [
        Fault(row.line, "" if field == "__all__" else COLUMN_OF.get(field, field), message)
        for field, messages in by_field.items()
        for message in messages
    ]
