"""Invariants that the database keeps, proven past `clean`."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection

from clinic.models import Closure, Site
from tests import factories


def test_history_sees_a_raw_sql_update(site: Site) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update clinic_site set phone = '+1 555 0199' where id = %s", [site.pk])
    events = site.events.order_by("pgh_id")  # type: ignore[attr-defined]  # pghistory adds it
    assert [event.phone for event in events] == ["+1 555 0100", "+1 555 0199"]


def test_closure_that_ends_before_it_begins_is_refused(site: Site) -> None:
    with pytest.raises(IntegrityError, match="closure_ends_after_it_begins"):
        Closure.objects.create(site=site, first_on=factories.a_day(1), last_on=factories.a_day(0))
