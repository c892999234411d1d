"""Ask before saving: a form that comes back, with nothing saved, until staff agree to what it would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from clinic.models import Site
from scheduling.desk.base import SiteScopedAdmin
from scheduling.impact import SessionsStranded, Stranded, find_stranded, refuse_stranding
from scheduling.words import count_of, say_moment


@dataclass
class Doubt(Exception):
    """What staff must agree to first: a sentence, the rows concerned, and the token that says yes to exactly these."""

    sentence: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    button: str
    token: str


class AskingAdmin(SiteScopedAdmin):
    """A save that raises Doubt is undone; the form comes back as it was typed, with the question above it."""

    change_form_template = "desk/asking_form.html"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Doubt as doubt:
            request.doubt = doubt  # type: ignore[attr-defined]  # read again by get_form below
            return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "doubt": doubt})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if not hasattr(request, "doubt"):
            return form

        class DoubtfulForm(form):  # type: ignore[valid-type, misc]
            def clean(self) -> Any:
                super().clean()
                raise ValidationError("Nothing is saved yet.")

        return DoubtfulForm

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if hasattr(request, "doubt"):
            context["errors"] = None  # the question says it all; nothing that was typed is wrong
        return super().render_change_form(request, context, *args, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """No pop-ups beside a choice: sites and kinds have pages of their own."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def agreed_token(self, request: HttpRequest) -> str:
        return request.POST.get("agreed", "")


class GuardedAdmin(AskingAdmin):
    """Lists the booked sessions that a change would strand, before it is saved."""

    def site_of(self, row: Any) -> Site:
        return row.site

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        site = self.site_of(obj)
        request.stranded = find_stranded(site, now=timezone.now()) if site.pk else []  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        before: list[Stranded] = request.stranded  # type: ignore[attr-defined]
        try:
            refuse_stranding(
                self.site_of(form.instance), before=before, now=timezone.now(), agreed=self.agreed_token(request)
            )
        except SessionsStranded as found:
            raise doubt_of(found) from None


def doubt_of(found: SessionsStranded) -> Doubt:
    visits = count_of(len({each.session for each in found.stranded}), "booked visit")
    return Doubt(
        sentence=f"This would leave {visits} without a place. Saving does not move or cancel them.",
        columns=("Patient", "Time", "Course", "Why"),
        rows=[describe_stranded(each) for each in found.stranded],
        button="Save anyway",
        token=found.token,
    )


def describe_stranded(found: Stranded) -> tuple[Any, ...]:
    session = found.session
    return session.patient, say_moment(session.local_start), session.course.version.protocol, found.reason
