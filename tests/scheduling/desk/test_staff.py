"""Staff accounts and keys: nobody gives, or takes over, more than their own reach."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group
from django.urls import NoReverseMatch, reverse

from clinic.api_keys import create_key, find_key
from clinic.models import ApiKey, Role, User
from tests import factories
from tests.scheduling.desk.forms import fill, read_form

pytestmark = pytest.mark.django_db

ADD = "admin:clinic_user_add"
NEW = {
    "username": "newcomer",
    "password1": "violet-harbor-72",
    "password2": "violet-harbor-72",
    "first_name": "Nia",
    "last_name": "New",
    "email": "nia@clinic.example",
    "role": "clinician",
}


@pytest.fixture
def desk(client, site_admin):
    client.force_login(site_admin)
    return client


@pytest.fixture
def both(site, other_site):
    """An account that works at this site and at another."""
    return factories.make_user(sites=(site, other_site), last_name="Both")


def page_of(user):
    return reverse("admin:clinic_user_change", args=[user.pk])


def test_a_site_administrator_adds_an_account_that_can_sign_in(desk, site):
    response = fill(desk, reverse(ADD), "user_form", **NEW, sites=[site.pk])
    assert response.status_code == 302
    user = User.objects.get(username="newcomer")
    assert (user.role, list(user.sites.all()), user.is_staff, user.is_superuser) == ("clinician", [site], True, False)
    assert authenticate(username="newcomer", password="violet-harbor-72") == user


def test_an_integration_account_is_not_let_into_the_admin(desk, site):
    fill(desk, reverse(ADD), "user_form", **{**NEW, "role": "integration"}, sites=[site.pk])
    assert User.objects.get(username="newcomer").is_staff is False


@pytest.mark.parametrize(
    ("wrong", "field", "fault"),
    [
        ({"password1": "password1234", "password2": "password1234"}, "password2", "This password is too common."),
        ({"password2": "violet-harbor-73"}, "password2", "The two password fields didn’t match."),
        ({"username": "admin admin"}, "username", None),
        ({"role": "emperor"}, "role", "Select a valid choice. emperor is not one of the available choices."),
    ],
)
def test_a_wrong_account_is_refused_with_field_and_fault(desk, site, wrong, field, fault):
    response = fill(desk, reverse(ADD), "user_form", **{**NEW, **wrong}, sites=[site.pk])
    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert fault is None or errors[field] == [fault]
    assert not User.objects.filter(last_name="New").exists()


def test_an_account_works_at_some_site(desk):
    response = fill(desk, reverse(ADD), "user_form", **NEW)
    assert response.context["adminform"].form.errors == {"sites": ["Choose the sites where this person works."]}


def test_sites_beyond_ones_own_cannot_be_given(desk, site, other_site, clerk):
    added = fill(desk, reverse(ADD), "user_form", **NEW, sites=[site.pk, other_site.pk])
    assert "sites" in added.context["adminform"].form.errors
    changed = fill(desk, page_of(clerk), "user_form", sites=[other_site.pk])
    assert "sites" in changed.context["adminform"].form.errors
    assert list(clerk.sites.all()) == [site]


def test_nobody_makes_a_superuser_but_a_superuser(desk, client, clerk, administrator):
    fill(desk, page_of(clerk), "user_form", is_superuser="on", is_staff="on", user_permissions=["1"], groups=["1"])
    clerk.refresh_from_db()
    assert (clerk.is_superuser, clerk.user_permissions.count(), clerk.groups.count()) == (False, 0, 0)
    client.force_login(administrator)
    fill(client, page_of(clerk), "user_form", is_superuser="on")
    clerk.refresh_from_db()
    assert clerk.is_superuser is True


def test_nobody_changes_their_own_reach(desk, site_admin, other_site):
    shown = read_form(desk.get(page_of(site_admin)), "user_form")
    assert not {"role", "sites", "is_active", "is_superuser"} & set(shown)
    fill(desk, page_of(site_admin), "user_form", role="clinician", sites=[other_site.pk], first_name="Sam")
    site_admin.refresh_from_db()
    assert (site_admin.first_name, site_admin.role) == ("Sam", Role.SITE_ADMIN)
    assert other_site not in site_admin.sites.all()


def test_accounts_of_other_sites_and_superusers_are_not_there(desk, other_clerk, administrator, site):
    administrator.sites.add(site)
    password = "admin:auth_user_password_change"
    pages = [
        page_of(other_clerk),
        page_of(administrator),
        reverse(password, args=[other_clerk.pk]),
        reverse("admin:clinic_user_history", args=[other_clerk.pk]),
    ]
    assert [desk.get(page).status_code for page in pages] == [404, 404, 404, 404]


def test_an_account_that_also_works_elsewhere_is_shown_but_not_changed(desk, both):
    assert desk.get(page_of(both)).status_code == 200
    assert desk.post(page_of(both), {"username": "mine"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[both.pk])
    values = {"password1": "violet-harbor-72", "password2": "violet-harbor-72"}
    assert desk.post(password, values).status_code == 403
    assert authenticate(username=both.username, password="correct horse") == both


def test_a_password_is_set_for_an_account_of_ones_own_sites(desk, clerk):
    password = reverse("admin:auth_user_password_change", args=[clerk.pk])
    desk.post(password, {"password1": "violet-harbor-72", "password2": "violet-harbor-72"})
    assert authenticate(username=clerk.username, password="violet-harbor-72") == clerk


def test_a_leaver_is_made_inactive_and_never_deleted(desk, client, clerk, administrator):
    fill(desk, page_of(clerk), "user_form", is_active=[])
    clerk.refresh_from_db()
    assert clerk.is_active is False
    client.force_login(administrator)
    assert client.post(reverse("admin:clinic_user_delete", args=[clerk.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=clerk.pk).exists()


@pytest.mark.parametrize("who", ["clerk", "clinician"])
def test_others_see_no_accounts_and_no_keys(client, request, who, site_admin):
    client.force_login(request.getfixturevalue(who))
    pages = [reverse("admin:clinic_user_changelist"), reverse("admin:clinic_apikey_changelist"), page_of(site_admin)]
    assert [client.get(page).status_code for page in pages] == [403, 403, 403]


def test_groups_are_not_offered_for_a_role_says_everything():
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:auth_{Group._meta.model_name}_changelist")


def test_keys_are_shown_and_revoked_within_ones_reach(desk, site, other_site, now):
    mine, text = create_key(name="Mine", sites=[site], scopes=["read"], now=now)
    shared, _ = create_key(name="Shared", sites=[site, other_site], scopes=["read"], now=now)
    theirs, _ = create_key(name="Theirs", sites=[other_site], scopes=["read"], now=now)
    url = reverse("admin:clinic_apikey_changelist")
    listed = desk.get(url)
    assert set(listed.context["cl"].result_list) == {mine, shared}
    assert mine.key_hash not in listed.content.decode()
    chosen = {"action": "revoke", "_selected_action": [mine.pk, shared.pk, theirs.pk]}
    said = [str(message) for message in desk.post(url, chosen, follow=True).context["messages"]]
    assert said == [
        f"{mine} is revoked.",
        f"{shared} reaches sites that you do not manage; it was left as it is.",
    ]
    assert list(ApiKey.objects.exclude(revoked_at=None)) == [mine]
    assert find_key(text, now=now) is None


def test_a_key_cannot_be_made_changed_or_deleted_in_the_admin(desk, site, now):
    key, _ = create_key(name="Mine", sites=[site], scopes=["read"], now=now)
    assert desk.get(reverse("admin:clinic_apikey_add")).status_code == 403
    page = reverse("admin:clinic_apikey_change", args=[key.pk])
    desk.post(page, {"name": "Other", "scopes": "read,patients"})
    key.refresh_from_db()
    assert (key.name, key.scopes) == ("Mine", ["read"])
    assert desk.post(reverse("admin:clinic_apikey_delete", args=[key.pk]), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("rows", [1, 30])
def test_the_lists_take_a_fixed_number_of_queries(client, administrator, site, now, rows, django_assert_num_queries):
    for number in range(rows):
        factories.make_user(sites=(site,), last_name=f"Last {number}")
        create_key(name=f"Key {number}", sites=[site], scopes=["read"], now=now)
    client.force_login(administrator)
    client.get(reverse("admin:clinic_user_changelist"))
    with django_assert_num_queries(6):
        client.get(reverse("admin:clinic_user_changelist"))
    with django_assert_num_queries(6):
        client.get(reverse("admin:clinic_apikey_changelist"))
