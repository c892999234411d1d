"""Going live: the setup command asks or is told, checks each answer, and writes all or nothing."""

import getpass
import io

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from clinic.models import Patient, Site, User
from protocols.models import Protocol
from scheduling.demo.clinic import find_demo_site, prepare_demo
from tests import factories

pytestmark = pytest.mark.django_db

PASSWORD = "violet-harbor-72"
OPTIONS = {
    "name": "Harbor Clinic",
    "timezone": "America/Chicago",
    "address": "2 Quay Street, Chicago",
    "phone": "+1 555 0123",
    "email": "desk@harbor.example",
    "hours": "mon-fri 08:00-18:00, sat 09:00-12:00",
    "country": "us",
    "subdivision": "il",
    "username": "maria",
    "admin_email": "maria@harbor.example",
}


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("CADENCE_ADMIN_PASSWORD", PASSWORD)


def run(**options):
    """The command as it is typed: an option that is None is left out."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
    out = io.StringIO()
    call_command("setup", "--no-input", *words, stdout=out)
    return out.getvalue()


def test_a_clinic_is_set_up_from_options():
    said = run(**OPTIONS)
    site = Site.objects.get()
    assert (site.code, site.public_name, site.timezone, site.holiday_country, site.holiday_subdivision) == (
        "harbor-clinic",
        "Harbor Clinic",
        "America/Chicago",
        "US",
        "IL",
    )
    assert [str(span) for span in site.hours.all()] == [
        *(f"{day} 08:00-18:00" for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")),
        "Saturday 09:00-12:00",
    ]
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("maria", True, True)
    assert authenticate(username="maria", password=PASSWORD) == user
    assert Protocol.objects.library().count() > 20
    assert said.splitlines()[0].startswith("Site Harbor Clinic (harbor-clinic) is set up: Monday 08:00-18:00,")
    assert said.splitlines()[1] == "Administrator maria can sign in."
    assert PASSWORD not in said


def test_a_second_run_changes_nothing_and_says_what_is_there():
    run(**OPTIONS)
    before = list(User.objects.values()), list(Site.objects.values())
    said = run().splitlines()
    assert said[0].startswith("Site Harbor Clinic (harbor-clinic) is there already:")
    assert said[1] == "Administrator maria is there already."
    assert (list(User.objects.values()), list(Site.objects.values())) == before


def test_options_that_equal_what_is_there_are_fine():
    run(**OPTIONS)
    said = run(**OPTIONS, code="harbor-clinic").splitlines()
    assert said[0].startswith("Site Harbor Clinic (harbor-clinic) is there already:")


def test_options_that_name_another_site_or_administrator_are_refused_with_all_their_faults():
    run(**OPTIONS)
    with pytest.raises(CommandError) as refused:
        run(name="East", code="east", username="eboss", country="ZZ", phone=OPTIONS["phone"])
    assert str(refused.value) == (
        "--country: 'ZZ' is not a country code; the United States is US.\n"
        "Site harbor-clinic and administrator maria are there already, and these options say otherwise: --name, "
        "--code, --country, --username; setup is for the first site and the first administrator. Further ones are "
        "added, and these changed, in the browser: Sites and hours, Staff."
    )
    assert [site.code for site in Site.objects.all()] == ["harbor-clinic"]
    assert [user.username for user in User.objects.all()] == ["maria"]


def test_of_several_sites_the_one_the_options_mean_is_there_already():
    run(**OPTIONS)
    factories.make_site(code="east", name="East")
    said = run(name="East", code="east").splitlines()
    assert said[0].startswith("Site East (east) is there already:")


def test_all_faults_of_the_options_are_told_in_one_run(monkeypatch):
    monkeypatch.setenv("CADENCE_ADMIN_PASSWORD", "maria-maria")
    with pytest.raises(CommandError) as refused:
        run(**{**OPTIONS, "timezone": "Chicago", "email": "desk", "code": "a b", "country": "ZZ", "address": None})
    assert str(refused.value).splitlines() == [
        "--code: Use letters from a to z, digits, hyphens and underscores, without spaces.",
        "--timezone: 'Chicago' is not an IANA time zone such as America/New_York.",
        "--email: Enter a valid email address.",
        "--country: 'ZZ' is not a country code; the United States is US.",
        "CADENCE_ADMIN_PASSWORD: This password is too short. It must contain at least 12 characters.",
        "Without questions these are needed too: --address.",
    ]
    assert (Site.objects.count(), User.objects.count()) == (0, 0)


def test_what_is_missing_is_named_in_one_sentence(monkeypatch):
    monkeypatch.delenv("CADENCE_ADMIN_PASSWORD")
    with pytest.raises(CommandError) as refused:
        run(name="Harbor", phone="1", hours="mon 08:00-09:00", username="maria")
    assert str(refused.value) == (
        "Without questions these are needed too: --timezone, --address, --email, --admin-email, "
        "CADENCE_ADMIN_PASSWORD in the environment."
    )
    assert not Site.objects.exists()


@pytest.mark.parametrize(
    ("option", "wrong", "fault"),
    [
        ("timezone", "Chicago", "--timezone: 'Chicago' is not an IANA time zone such as America/New_York."),
        ("hours", "8 to 6", "--hours: '8' is not a weekday; use mon, tue, wed, thu, fri, sat, sun, "),
        ("email", "desk", "--email: Enter a valid email address."),
        ("country", "ZZ", "--country: 'ZZ' is not a country code; the United States is US."),
        ("subdivision", "QQ", "--subdivision: 'QQ' is not a subdivision of US: "),
        ("username", "a b", "--username: Enter a valid username."),
        ("name", " ", "--name: This cannot be empty."),
        ("address", "TMS Center, 1 Main St", "--address: Patients' messages bear this address; 'TMS' in it would "),
        ("public_name", "TMS Harbor", "--public-name: Patients' messages bear this name; 'TMS' in it would tell "),
        ("code", "a b", "--code: Use letters from a to z, digits, hyphens and underscores, without spaces."),
    ],
)
def test_a_wrong_option_is_named_with_its_fault_and_nothing_is_written(option, wrong, fault):
    with pytest.raises(CommandError) as refused:
        run(**{**OPTIONS, option: wrong})
    assert str(refused.value).startswith(fault)
    assert (Site.objects.count(), User.objects.count()) == (0, 0)


def test_a_weak_password_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("CADENCE_ADMIN_PASSWORD", "maria-maria")
    with pytest.raises(CommandError) as refused:
        run(**OPTIONS)
    assert str(refused.value).startswith("CADENCE_ADMIN_PASSWORD: ")
    assert "maria-maria" not in str(refused.value)
    assert (Site.objects.count(), User.objects.count()) == (0, 0)


def test_the_demonstration_is_removed_with_its_patients_and_accounts(now):
    demo = prepare_demo(now=now)
    patient = factories.make_patient(site=demo)
    said = run(**OPTIONS)
    assert said.splitlines()[0] == "The demonstration is removed."
    assert find_demo_site() is None
    assert [site.code for site in Site.objects.all()] == ["harbor-clinic"]
    assert [user.username for user in User.objects.all()] == ["maria"]
    assert not Patient.objects.filter(pk=patient.pk).exists()


def test_a_refused_setup_leaves_the_demonstration_alone(now):
    prepare_demo(now=now)
    with pytest.raises(CommandError):
        run(**{**OPTIONS, "timezone": "Chicago"})
    assert find_demo_site() is not None


def test_it_asks_for_what_is_not_given_and_asks_again_after_a_wrong_answer(monkeypatch, capsys):
    monkeypatch.delenv("CADENCE_ADMIN_PASSWORD")
    typed = ["Harbor Clinic", "", "", "Chicago", "America/Chicago", "2 Quay Street", "+1 555 0123"]
    typed += ["desk@harbor.example", "mon 08:00-18:00", "", "", "maria", "maria@harbor.example"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed) + "\n"))
    secrets = iter(["short", PASSWORD, "something else", PASSWORD, PASSWORD])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(secrets))  # a terminal of its own, not stdin
    call_command("setup")
    site = Site.objects.get()
    assert (site.public_name, site.code, site.timezone) == ("Harbor Clinic", "harbor-clinic", "America/Chicago")
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "'Chicago' is not an IANA time zone such as America/New_York.",
        "This password is too short. It must contain at least 12 characters.",
        "The two differ.",
    ]
    assert authenticate(username="maria", password=PASSWORD) is not None
    assert PASSWORD not in said.out + said.err


def test_with_nobody_to_ask_it_says_so(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="There is nobody to ask here; give the answers as options"):
        call_command("setup")


def test_it_asks_before_it_removes_the_demonstration(monkeypatch, now):
    prepare_demo(now=now)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    words = [
        f"--{name.replace('_', '-')}={value}" for name, value in {**OPTIONS, "public_name": "H", "code": "h"}.items()
    ]
    with pytest.raises(CommandError, match="Nothing was set up: a real clinic cannot share the database"):
        call_command("setup", *words)
    assert find_demo_site() is not None
