"""What each role may do, and that the role alone says so."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission

from clinic.models import Role
from clinic.roles import CLINICIAN, FRONT_DESK, INTEGRATION, ROLE_PERMISSIONS, SITE_ADMIN
from tests import factories

pytestmark = pytest.mark.django_db


def test_every_permission_of_a_role_exists():
    known = {f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")}
    named = frozenset().union(*ROLE_PERMISSIONS.values())
    assert named - known == set()


@pytest.mark.parametrize("role", Role)
def test_a_role_gives_exactly_its_permissions(role):
    assert factories.make_user(role=role).get_all_permissions() == ROLE_PERMISSIONS[role]


def test_front_desk_manages_patients_and_courses_but_no_accounts_and_no_protocols(clerk):
    acts = {
        "clinic.add_patient": True,
        "clinic.change_patient": True,
        "scheduling.add_course": True,
        "scheduling.change_session": True,
        "clinic.delete_patient": False,
        "clinic.view_user": False,
        "clinic.change_site": False,
        "clinic.add_closure": False,
        "protocols.view_protocol": True,
        "protocols.change_protocolversion": False,
        "scheduling.decide_course": False,
        "scheduling.override_rules": False,
        "scheduling.change_hold": False,
    }
    assert {act: clerk.has_perm(act) for act in acts} == acts


def test_clinicians_and_site_administrators_may_what_the_front_desk_may_and_more():
    assert FRONT_DESK < CLINICIAN
    assert FRONT_DESK < SITE_ADMIN
    assert INTEGRATION < FRONT_DESK
    assert {
        "scheduling.decide_course",
        "scheduling.override_rules",
        "protocols.adopt_protocol",
        "protocols.change_phase",
        "protocols.publish_protocol",
    } <= CLINICIAN
    assert {"clinic.change_site", "clinic.add_closure", "clinic.add_outage", "clinic.change_user"} <= SITE_ADMIN
    assert not SITE_ADMIN & {"scheduling.override_rules", "protocols.publish_protocol", "clinic.delete_user"}


def test_nobody_writes_holds_or_deletes_what_is_booked():
    written = {f"scheduling.{act}_hold" for act in ("add", "change", "delete")}
    deleted = {"scheduling.delete_course", "scheduling.delete_session", "scheduling.delete_notice"}
    assert not frozenset().union(*ROLE_PERMISSIONS.values()) & (written | deleted)


def test_a_group_or_a_permission_of_its_own_gives_an_account_nothing(clerk):
    permission = Permission.objects.get(codename="delete_patient")
    group = Group.objects.create(name="Forgotten")
    group.permissions.add(permission)
    clerk.groups.add(group)
    clerk.user_permissions.add(permission)
    assert clerk.get_all_permissions() == FRONT_DESK


def test_a_new_role_counts_at_once(clerk):
    clerk.role = Role.CLINICIAN
    assert clerk.has_perm("scheduling.decide_course")


def test_a_superuser_may_everything_and_a_leaver_nothing(administrator, clerk):
    clerk.is_active = False
    assert administrator.has_perm("clinic.delete_user")
    assert clerk.get_all_permissions() == set()


def test_reading_rights_asks_the_database_nothing(clerk, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert clerk.has_perm("clinic.view_patient")


def test_an_integration_account_cannot_sign_in():
    people = [factories.make_user(role=role) for role in (Role.INTEGRATION, Role.FRONT_DESK)]
    signed_in = [authenticate(username=person.username, password="correct horse") for person in people]
    assert signed_in == [None, people[1]]


def test_staff_reach_the_patients_of_their_sites_by_home_or_by_course(site, other_site, patient, stranger, clerk):
    version = factories.make_protocol()
    visitor = factories.make_patient(site=other_site, family_name="Visitor")
    factories.make_course(patient=visitor, site=site, version=version)
    reached = type(patient).objects.at_sites(clerk.visible_sites())
    assert list(reached) == [patient, visitor]


def test_a_patient_with_two_courses_is_reached_once(site, patient, clerk):
    version = factories.make_protocol()
    for _ in range(2):
        factories.make_course(patient=patient, site=site, version=version)
    assert list(type(patient).objects.at_sites(clerk.visible_sites())) == [patient]


def test_a_superuser_reaches_every_patient(administrator, patient, stranger):
    assert list(type(patient).objects.at_sites(administrator.visible_sites())) == [patient, stranger]
