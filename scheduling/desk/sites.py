"""Sites: how they are reached, when they are open and closed, and the public holidays offered as closures."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from clinic.forms import TimezoneInput
from clinic.models import Closure, ExtraOpening, Site, SiteHours
from clinic.public_holidays import PublicHoliday, list_public_holidays, validate_region
from scheduling.desk.asking import GuardedAdmin, doubt_of
from scheduling.desk.labels import NamedTable
from scheduling.impact import SessionsStranded, guard_booked_sessions
from scheduling.messages.discretion import refuse_clinical_address, refuse_clinical_words
from scheduling.words import count_of, say_short_day

YEARS_OFFERED = 3


class SiteForm(forms.ModelForm):
    class Meta:
        model = Site
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets name them
        labels = {"timezone": "Time zone", "email": "E-mail"}
        widgets = {"timezone": TimezoneInput(), "address": forms.Textarea(attrs={"rows": 3})}

    def clean_public_name(self) -> str:
        name = self.cleaned_data["public_name"]
        refuse_clinical_words(name)
        return name

    def clean_address(self) -> str:
        address = self.cleaned_data["address"]
        refuse_clinical_address(address)
        return address

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["holiday_country"] = cleaned.get("holiday_country", "").upper()
        cleaned["holiday_subdivision"] = cleaned.get("holiday_subdivision", "").upper()
        validate_region(cleaned["holiday_country"], cleaned["holiday_subdivision"])
        return cleaned


class HoursInline(NamedTable):
    model = SiteHours
    fields = ("weekday", "opens_at", "closes_at")
    verbose_name = "opening"


class ClosureInline(NamedTable):
    model = Closure


class ExtraOpeningInline(NamedTable):
    model = ExtraOpening
    fields = ("date", "opens_at", "closes_at")


@admin.register(Site)
class SiteAdmin(GuardedAdmin):
    form = SiteForm
    change_form_template = "desk/site_form.html"
    site_path = "pk"
    list_display = ("name", "code", "timezone", "phone", "active")
    inlines = (HoursInline, ClosureInline, ExtraOpeningInline)
    fieldsets = (
        (None, {"fields": ("name", "code", "timezone", "active")}),
        ("What patients read", {"fields": ("public_name", "address", "phone", "email")}),
        ("Booking", {"fields": ("grid_minutes", "lead_minutes", "horizon_days")}),
        (
            "Messages",
            {
                "fields": (
                    *("invite_days", "debounce_seconds", "reminder_days", "reminder_time"),
                    *("quiet_from", "quiet_until", "mails_per_minute"),
                )
            },
        ),
        ("What patients may do on their own page", {"fields": ("patient_moves", "allows_ride_service")}),
        ("Public holidays", {"fields": ("holiday_country", "holiday_subdivision")}),
    )

    def site_of(self, row: Site) -> Site:
        return row

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a site that closes is made inactive: its history stays

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.offer_holidays)
        return [path("<int:pk>/holidays/", view, name="clinic_site_holidays"), *super().get_urls()]

    def offer_holidays(self, request: HttpRequest, pk: int) -> HttpResponse:
        site = self.get_object(request, str(pk))
        if site is None or not self.has_change_permission(request, site):
            raise Http404
        now = timezone.now()
        form = HolidayForm(
            request.POST if request.method == "POST" else None, site=site, today=now.astimezone(site.zone).date()
        )
        context = {"title": f"Public holidays for {site}", "site": site, "form": form, "opts": self.opts}
        if request.method == "POST" and form.is_valid():
            try:
                with guard_booked_sessions(site, now=now, agreed=request.POST.get("agreed", "")):
                    added = form.close_site()
            except SessionsStranded as found:
                context["doubt"] = doubt_of(found)
            else:
                messages.success(request, f"{count_of(added, 'closure')} added.")
                return HttpResponseRedirect(reverse("admin:clinic_site_change", args=[site.pk]))
        context |= {**self.admin_site.each_context(request), "has_region": bool(site.holiday_country)}
        return TemplateResponse(request, "desk/holidays.html", context)


class HolidayForm(forms.Form):
    """The holidays of this and the next years that are not closures yet, each to be ticked."""

    days = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, label="Close on", error_messages={"required": "Tick at least one day."}
    )

    def __init__(self, *args: Any, site: Site, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.site = site
        self.holidays = {f"{holiday.on}": holiday for holiday in find_open_holidays(site, today=today)}
        choices = [(key, f"{say_short_day(day.on)}, {day.on.year}: {day.name}") for key, day in self.holidays.items()]
        self.fields["days"].choices = choices  # type: ignore[attr-defined]

    def close_site(self) -> int:
        chosen = [self.holidays[day] for day in self.cleaned_data["days"]]
        for holiday in chosen:
            Closure.objects.create(site=self.site, first_on=holiday.on, last_on=holiday.on, reason=holiday.name[:120])
        return len(chosen)


def find_open_holidays(site: Site, *, today: date) -> list[PublicHoliday]:
    """The public holidays to come, of the site's region, on which it is not closed yet."""
    if not site.holiday_country:
        return []
    years = range(today.year, today.year + YEARS_OFFERED)
    closures = list(site.closures.all())
    return [
        holiday
        for holiday in list_public_holidays(
            country=site.holiday_country, subdivision=site.holiday_subdivision, years=years
        )
        if holiday.on >= today and not any(closure.first_on <= holiday.on <= closure.last_on for closure in closures)
    ]


@admin.register(Closure)
class ClosureAdmin(GuardedAdmin):
    list_display = ("first_on", "last_on", "reason", "site")
    list_display_links = ("first_on", "last_on")
    list_filter = (("site", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("site",)
    date_hierarchy = "first_on"
