"""What a course needs to be planned: protocol, dates, time of day, and when the patient can come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, QuerySet, Value

from clinic.forms import WeeklyTableField
from clinic.models import Patient, Site, User
from protocols.models import ProtocolVersion, Track
from protocols.models.protocol import Family
from protocols.models.visit import Place
from scheduling.booking import draft_course
from scheduling.engine import Interval
from scheduling.models import Course

DEFAULT_TIME = time(9)
DEFAULT_WEEKS = 2
FURTHEST_DAYS = 2 * 366
LONGEST_SPAN = timedelta(days=7)
WISHES = ("earliest_start", "latest_start", "preferred_time", "availability")


def bookable_versions(sites: Iterable[Site]) -> QuerySet[ProtocolVersion]:
    """The newest published version of each protocol of the library and of these sites."""
    newer = ProtocolVersion.objects.published().filter(protocol=OuterRef("protocol"), number__gt=OuterRef("number"))
    operation = Track.objects.filter(version=OuterRef("pk"), position=0, visit_type__place=Place.EXTERNAL)
    mine = ProtocolVersion.objects.published().filter(protocol__site=None)
    mine |= ProtocolVersion.objects.published().filter(protocol__site__in=sites)
    rows = mine.filter(~Exists(newer)).annotate(has_anchor=Exists(operation)).select_related("protocol__site")
    return rows.order_by("protocol__family", "protocol__name", "protocol__site__name")


class VersionChoice(forms.ModelChoiceField):
    """Protocols by family, the site's own first."""

    def label_from_instance(self, obj: Any) -> str:
        return obj.protocol.name

    def group(self, versions: Iterable[Any]) -> list[tuple[str, list[tuple[Any, str]]]]:
        families = dict(Family.choices)
        groups: dict[str, list[tuple[Any, str]]] = {}
        for version in sorted(versions, key=lambda found: found.protocol.is_library):
            own = version.protocol.site
            title = f"{own}: own protocols" if own else str(families[version.protocol.family])
            groups.setdefault(title, []).append((version.pk, self.label_from_instance(version)))
        return [("", [("", "Choose a protocol")]), *groups.items()]


class NewCourseForm(forms.Form):
    site = forms.ModelChoiceField(Site.objects.none(), label="Clinic", empty_label=None)
    version = VersionChoice(ProtocolVersion.objects.none(), label="Protocol")
    earliest_start = forms.DateField(label="First visit from", widget=forms.DateInput({"type": "date"}))
    latest_start = forms.DateField(label="First visit until", required=False, widget=forms.DateInput({"type": "date"}))
    preferred_time = forms.TimeField(
        label="Preferred time of day", widget=forms.TimeInput({"type": "time"}, format="%H:%M")
    )
    anchor_date = forms.DateField(
        label="Date of the operation", required=False, widget=forms.DateInput({"type": "date"})
    )
    anchor_time = forms.TimeField(
        label="Time of the operation",
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
        help_text="Leave empty if not known yet: 8:00 AM is assumed.",
    )
    availability = WeeklyTableField(label="When the patient can come", required=False)
    # Never typed in: the one time beside these hours that staff try, where nothing fits without it.
    also_free = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        patient: Patient,
        sites: QuerySet[Site],
        today: date,
        waiting: Course | None = None,
        like: Course | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["initial"] = first_wishes(patient, sites, today) if waiting is None else stored_wishes(waiting)
        if like is not None:
            days = ("earliest_start", "latest_start")  # those of the course that is copied are past
            kwargs["initial"] |= {name: wish for name, wish in stored_wishes(like).items() if name not in days}
        super().__init__(*args, **kwargs)
        self.patient, self.today, self.waiting = patient, today, waiting
        rows = bookable_versions(sites)
        if waiting is not None:
            # What is to be treated, and where, was settled when the course was asked for.
            sites = Site.objects.filter(pk=waiting.site_id)
            rows = ProtocolVersion.objects.filter(pk=waiting.version_id).select_related("protocol__site")
            rows = rows.annotate(has_anchor=Value(False))
        versions: list[Any] = list(rows)
        self.fields["site"].queryset = sites  # type: ignore[attr-defined]
        self.fields["version"].queryset = rows  # type: ignore[attr-defined]
        self.fields["version"].choices = self.fields["version"].group(versions)  # type: ignore[attr-defined]
        if like is not None:
            self._begin_as(like, versions)
        elif len(versions) == 1:
            self.initial.setdefault("version", versions[0])
        self.fields["version"].widget.attrs["autofocus"] = True
        self.anchored = {version.pk for version in versions if version.has_anchor}

    def _begin_as(self, like: Course, versions: Iterable[Any]) -> None:
        """The newest version of the protocol that is copied: the course's own may be superseded."""
        newest = [version for version in versions if version.protocol_id == like.version.protocol_id]
        self.initial["version"] = newest[0] if newest else None

    def clean_earliest_start(self) -> date:
        found = self._near(self.cleaned_data["earliest_start"])
        if found < self.today and not (self.waiting and found == self.waiting.earliest_start):
            raise forms.ValidationError("This day is past.")
        return found

    def clean_latest_start(self) -> date | None:
        found = self.cleaned_data.get("latest_start")
        return self._near(found) if found else None

    def clean_anchor_date(self) -> date | None:
        found = self.cleaned_data.get("anchor_date")
        return self._near(found) if found else None

    def clean_also_free(self) -> Interval | None:
        text, site = self.cleaned_data.get("also_free"), self.cleaned_data.get("site")
        try:
            return read_span(text, site.zone) if text and site else None
        except (ValueError, OverflowError):
            raise forms.ValidationError("This is not a time at which the patient can come.") from None

    def _near(self, day: date) -> date:
        if abs((day - self.today).days) > FURTHEST_DAYS:
            raise forms.ValidationError("This day is more than two years away.")
        return day

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        version, site = data.get("version"), data.get("site")
        if version and site and version.protocol.site not in (None, site):
            self.add_error("version", f"This protocol belongs to {version.protocol.site}, not to {site}.")
        if version and version.has_anchor:
            self._clean_anchor(data)
        elif "earliest_start" in data:
            self._clean_span(data)
        return data

    def _clean_anchor(self, data: dict[str, Any]) -> None:
        if not data.get("anchor_date"):
            if "anchor_date" not in self.errors:
                self.add_error("anchor_date", "This protocol counts from an operation: give its date.")
            return
        data["earliest_start"] = data["latest_start"] = data["anchor_date"]
        self.errors.pop("earliest_start", None)
        self.errors.pop("latest_start", None)

    def _clean_span(self, data: dict[str, Any]) -> None:
        if "latest_start" in self.errors:
            return
        if not data.get("latest_start"):
            self.add_error("latest_start", "Give the last day on which the first visit may lie.")
        elif data["latest_start"] < data["earliest_start"]:
            self.add_error("latest_start", "This day lies before the first one.")
        elif data["latest_start"] < self.today and not self._is_begun():
            self.add_error("latest_start", "This day is past.")

    def _is_begun(self) -> bool:
        """Whether the course that waits already counts from the day of an operation."""
        return self.waiting is not None and self.waiting.sessions.exists()

    @property
    def anchor_at(self) -> datetime | None:
        data = self.cleaned_data
        if not data["version"].has_anchor:
            return None
        at = data.get("anchor_time") or time(8)
        return datetime.combine(data["anchor_date"], at, tzinfo=data["site"].zone)

    @property
    def agreed_span(self) -> Interval | None:
        """A time at which the patient comes beside the weekly hours."""
        found: Interval | None = self.cleaned_data["also_free"]
        return found

    def asked_for(self) -> dict[str, Any]:
        """The fields of the course that is asked for."""
        data = self.cleaned_data
        names = ("site", "version", "earliest_start", "latest_start", "preferred_time", "availability")
        return {"patient": self.patient, **{name: data[name] for name in names}}

    def fingerprint(self) -> dict[str, str]:
        """The request as plain text, to tell whether a plan answers it."""
        asked = self.asked_for()
        texts = {name: str(getattr(value, "pk", value)) for name, value in asked.items()}
        return {**texts, "anchor_at": str(self.anchor_at or ""), "also_free": str(self.agreed_span or "")}

    def add_faults(self, faults: forms.ValidationError) -> None:
        """What the act found wrong, at its field where the form has one."""
        for field, messages in faults.message_dict.items():
            self.add_error(field if field in self.fields else None, messages)

    def draft(self, *, uuid: UUID, now: datetime, by: User) -> Course:
        """A course that is not saved; or the one that waits, with these wishes, not saved either."""
        if self.waiting is None:
            return draft_course(**self.asked_for(), now=now, by=by, anchor_at=self.anchor_at, uuid=uuid)
        for name in WISHES:
            setattr(self.waiting, name, self.cleaned_data[name])
        return self.waiting


def read_span(text: str, zone: tzinfo) -> Interval:
    """`2026-11-30T10.30:2026-11-30T11.00` on the clock of a zone; a ValueError where it is not that, or over a week."""
    start, end = (datetime.strptime(part, "%Y-%m-%dT%H.%M").replace(tzinfo=zone) for part in text.split(":"))
    if end - start > LONGEST_SPAN:
        raise ValueError("longer than a week")
    return Interval(start, end)


def first_wishes(patient: Patient, sites: QuerySet[Site], today: date) -> dict[str, Any]:
    return {
        "site": patient.home_site if patient.home_site in sites else sites.first(),
        "earliest_start": f"{today + timedelta(days=1)}",
        "latest_start": f"{today + timedelta(weeks=DEFAULT_WEEKS)}",
        "preferred_time": patient.preferred_time or DEFAULT_TIME,
        "availability": patient.availability,
    }


def stored_wishes(course: Course) -> dict[str, Any]:
    days = {"earliest_start": f"{course.earliest_start}", "latest_start": f"{course.latest_start}"}
    rest = {name: getattr(course, name) for name in ("site", "version", "preferred_time", "availability")}
    return {**days, **rest}
