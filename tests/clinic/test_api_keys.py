"""Keys of other systems, and the command that makes them."""

import hashlib
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from clinic.api_keys import create_key, find_key, note_use, revoke_key
from clinic.models import ApiKey, Scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(site, now, administrator):
    return create_key(name="Portal", sites=[site], scopes=[Scope.READ, Scope.COURSES], now=now, by=administrator)


def test_a_key_is_found_by_its_text_and_knows_its_sites_and_scopes(made, site, now):
    key, text = made
    found = find_key(text, now=now)
    assert found is not None and found == key
    assert list(found.visible_sites()) == [site]
    assert (found.name, found.scopes, found.created_at) == ("Portal", ["courses", "read"], now)


def test_only_the_hash_of_a_key_is_kept(made):
    _, text = made
    row = ApiKey.objects.values().get()
    assert row["key_hash"] == hashlib.sha256(text.encode()).hexdigest()
    secret = text.split("_", 2)[2]
    assert not [field for field, value in row.items() if secret in str(value)]


def test_a_secret_has_256_random_bits_and_no_two_are_alike(site, now):
    texts = {create_key(name="Portal", sites=[site], scopes=["read"], now=now)[1] for _ in range(20)}
    assert {len(text.split("_", 2)[2]) for text in texts} == {43}  # 32 bytes in base64 without padding
    assert len(texts) == 20


@pytest.mark.parametrize("change", [str.upper, lambda text: text[:-1], lambda text: text + "x", lambda text: "", str])
def test_only_the_exact_text_finds_a_key(made, now, change):
    key, text = made
    assert find_key(change(text), now=now) == (key if change is str else None)


def test_the_right_prefix_with_another_secret_finds_nothing(made, site, now):
    other = create_key(name="Other", sites=[site], scopes=["read"], now=now)[1]
    _, prefix, _ = made[1].split("_", 2)
    assert find_key(f"cadence_{prefix}_{other.split('_', 2)[2]}", now=now) is None


def test_a_revoked_key_is_dead_and_is_revoked_once(made, now):
    key, text = made
    assert [revoke_key(key, now=now), revoke_key(key, now=now + timedelta(days=1))] == [True, False]
    assert find_key(text, now=now) is None
    key.refresh_from_db()
    assert key.revoked_at == now


def test_a_key_ends_at_its_expiry(site, now):
    key, text = create_key(name="Portal", sites=[site], scopes=["read"], now=now, expires_at=now + timedelta(days=1))
    assert find_key(text, now=now + timedelta(hours=23, minutes=59)) == key
    assert find_key(text, now=now + timedelta(days=1)) is None


def test_finding_a_key_takes_one_query(made, now, django_assert_num_queries):
    with django_assert_num_queries(1):
        find_key(made[1], now=now)


def test_the_last_use_is_written_once_a_minute_at_most(made, now, django_assert_num_queries):
    key, _ = made
    note_use(key, now=now)
    key.refresh_from_db()
    with django_assert_num_queries(0):
        note_use(key, now=now + timedelta(seconds=59))
    note_use(key, now=now + timedelta(seconds=60))
    key.refresh_from_db()
    assert key.last_used_at == now + timedelta(seconds=60)


def test_the_command_prints_a_working_key_once(site, other_site, capsys, now):
    words = "--name Portal --site riverside --site hillside --scope read --scope sessions --expires-days 30"
    call_command("create_api_key", *words.split())
    text = capsys.readouterr().out.strip()
    key = ApiKey.objects.get()
    assert find_key(text, now=key.created_at) == key
    assert set(key.sites.all()) == {site, other_site}
    assert (key.scopes, key.expires_at) == (["read", "sessions"], key.created_at + timedelta(days=30))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("--site=nowhere", "--site: there is no site 'nowhere'; the sites are: riverside."),
        ("--scope=write", "--scope: 'write' is not a scope; the scopes are: read, patients, courses, sessions."),
        ("--expires-days=0", "--expires-days: give a number of days from 1 to 3650."),
        ("--name= ", "--name: give a name of 1 to 80 characters."),
    ],
)
def test_the_command_says_what_is_wrong_and_makes_nothing(site, wrong, sentence):
    with pytest.raises(CommandError) as refused:
        call_command("create_api_key", "--name=Portal", "--site=riverside", "--scope=read", wrong)
    assert str(refused.value) == sentence
    assert not ApiKey.objects.exists()
