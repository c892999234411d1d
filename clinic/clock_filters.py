"""Django's `date` and `time`, but what was put on a clinic's clock stays on it.

Django's own show every moment by the clock of the page, which is that of the user's first site: a list of several sites
would give the visits of another zone a wrong time. Moments from the database are in UTC, and shown by the page's clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template import defaultfilters
from django.utils import timezone

register = template.Library()


@register.filter(is_safe=False)
def date(value: Any, form: str | None = None) -> Any:
    return defaultfilters.date(_on_its_clock(value), form)


@register.filter(is_safe=False)
def time(value: Any, form: str | None = None) -> Any:
    return defaultfilters.time(_on_its_clock(value), form)


def _on_its_clock(value: Any) -> Any:
    if not isinstance(value, datetime) or timezone.is_naive(value) or isinstance(value.tzinfo, ZoneInfo):
        return value
    return timezone.localtime(value)
