"""The cast: a patient and a clerk of this site, a patient and a clerk of another, and the people above them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from clinic.models import Patient, Role, Site, User
from tests import factories

# A clinic filled by ./cadence run, and a mail server.
TOGETHER = {"tests/test_command.py", "tests/scheduling/replies/test_collecting.py"}

# A busy machine is no fault of an example's.
settings.register_profile("cadence", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cadence")


class TogetherScheduling(LoadScopeScheduling):
    """Test by test in their order, but for modules whose tests share something dear: one worker runs those, and first.

    `--dist loadgroup` would do, had pytest 9.2 not hidden its marks from xdist 3.8 (pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherScheduling | None:
    return TogetherScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Ends the sessions of processes that tests have killed: the server may not have noticed yet."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


@pytest.fixture
def now() -> datetime:
    return factories.NOW


@pytest.fixture
def site(db: None) -> Site:
    return factories.make_site(code="riverside")


@pytest.fixture
def other_site(db: None) -> Site:
    return factories.make_site(code="hillside", timezone="America/Los_Angeles")


@pytest.fixture
def patient(site: Site) -> Patient:
    return factories.make_patient(site=site, given_name="Ada", family_name="Abbott")


@pytest.fixture
def stranger(other_site: Site) -> Patient:
    """A patient of the other site."""
    return factories.make_patient(site=other_site, given_name="Zoe", family_name="Zeller")


@pytest.fixture
def clerk(site: Site) -> User:
    return factories.make_user(sites=(site,), first_name="Cleo", last_name="Clerk")


@pytest.fixture
def other_clerk(other_site: Site) -> User:
    return factories.make_user(sites=(other_site,), first_name="Otto", last_name="Other")


@pytest.fixture
def clinician(site: Site) -> User:
    return factories.make_user(role=Role.CLINICIAN, sites=(site,))


@pytest.fixture
def site_admin(site: Site) -> User:
    return factories.make_user(role=Role.SITE_ADMIN, sites=(site,))


@pytest.fixture
def administrator(db: None) -> User:
    return factories.make_user(is_superuser=True)
