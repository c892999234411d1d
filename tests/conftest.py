"""The cast: a patient and a clerk of this site, a patient and a clerk of another, and the people above them."""

from __future__ import annotations

from datetime import datetime

import pytest

from clinic.models import Patient, Role, Site, User
from tests import factories


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
