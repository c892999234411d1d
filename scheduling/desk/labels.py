"""Names of form controls for those who hear a page: what stands in a table's head, or beside two fields, is not one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AdminSplitDateTime, RelatedFieldWidgetWrapper
from django.http import HttpRequest
from django.utils.text import capfirst


class NamedDateTimes(BaseModelAdmin):
    """Of a day and a time under one label, each says which it is."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AdminSplitDateTime):
            for widget, part in zip(field.widget.widgets, ("day", "time of day"), strict=True):
                widget.attrs["aria-label"] = f"{capfirst(str(field.label))}: {part}"
        return field


class NamedRows(forms.BaseInlineFormSet):
    """The tick that deletes a row says so."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = "Delete this row"


class NamedTable(NamedDateTimes, admin.TabularInline):
    """Each control of a row is named as its column."""

    extra = 0
    formset = NamedRows

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and not isinstance(field.widget, AdminSplitDateTime):
            inner_widget(field).attrs["aria-label"] = capfirst(str(field.label))
        return field


def inner_widget(field: forms.Field) -> forms.Widget:
    return field.widget.widget if isinstance(field.widget, RelatedFieldWidgetWrapper) else field.widget
