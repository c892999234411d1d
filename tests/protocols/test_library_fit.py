"""The library's protocols judged against a site."""

from __future__ import annotations

from datetime import time
from typing import Any

from clinic.models import Site
from protocols.lifecycle import adopt_protocol
from protocols.models import Protocol
from protocols.validation import find_faults
from tests import factories


def test_lunch_break_shortens_the_longest_opening(db: None, library: None) -> None:
    site = factories.make_site(code="lunch", hours=(time(8), time(12)))
    for day in range(5):
        site.hours.create(weekday=day, opens_at=time(13), closes_at=time(18))
    saint = adopt_protocol(Protocol.objects.get(code="saint"), site=site, now=factories.NOW, by=None)
    assert find_faults(saint, site=site) == [
        "Visit Treatment day of ten sessions takes 560 minutes; the longest opening of Clinic lunch is 300."
    ]


def test_faults_are_found_in_a_fixed_number_of_queries(
    library: None, site: Site, django_assert_max_num_queries: Any
) -> None:
    saint = adopt_protocol(Protocol.objects.get(code="saint"), site=site, now=factories.NOW, by=None)
    for kind in ("tms_operator", "lounge"):
        factories.make_resource(site=site, kind=kind)
    factories.make_resource(site=site, kind="tms_device", skills=["mri_guided"])
    with django_assert_max_num_queries(14):
        assert find_faults(saint, site=site) == []
