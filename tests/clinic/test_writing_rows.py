"""Many rows written back in one statement."""

from datetime import timedelta

import pytest
from django.db import DataError

from clinic.models import Outage, Resource
from clinic.writing_rows import write_rows
from tests.factories import make_resource

pytestmark = pytest.mark.django_db


@pytest.fixture
def devices(site):
    return [make_resource(site=site, kind="tms_device", name=name) for name in ("A", "B", "C")]


def test_the_named_fields_of_these_rows_are_written_and_nothing_else(devices, django_assert_num_queries):
    first, second, third = devices
    first.name, first.seats = "One (100% of it's)", 3
    second.name, second.active = "Two", False
    with django_assert_num_queries(1):
        write_rows([first, second], ["name", "active"])
    kept = Resource.objects.order_by("pk").values_list("pk", "name", "seats", "active")
    assert list(kept) == [
        (first.pk, "One (100% of it's)", 1, True),
        (second.pk, "Two", 1, False),
        (third.pk, "C", 1, True),
    ]


def test_instants_foreign_keys_and_empty_values_are_written(devices, now, clerk):
    out = Outage.objects.create(resource=devices[0], start=now, end=now + timedelta(hours=1))
    out.resource, out.end = devices[1], now + timedelta(hours=2)
    write_rows([out], ["resource", "end"])
    assert Outage.objects.values_list("resource", "start", "end").get() == (devices[1].pk, now, out.end)
    clerk.last_login = now
    clerk.save()
    clerk.last_login = None
    write_rows([clerk], ["last_login"])
    clerk.refresh_from_db()
    assert clerk.last_login is None


def test_a_text_that_is_too_long_is_refused_and_not_cut(devices):
    devices[0].name = "x" * 1000
    with pytest.raises(DataError):
        write_rows(devices[:1], ["name"])


def test_no_rows_are_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        write_rows([], ["name"])
