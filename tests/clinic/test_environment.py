"""What production refuses, and how a broken address is told."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from clinic import environment
from clinic.localservices.place import BASE_DIR

GOOD: dict[str, Any] = {
    "secret_key": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "default_key": "default",
    "debug": False,
    "hosts": ["cadence.example.org"],
    "mail_url": "smtp+tls://user:password@mail.example.org:587",
    "sender": "appointments@example.org",
    "database_url": "postgresql://cadence@db/cadence",
    "broker_url": "redis://redis:6379/0",
    "public_url": "https://cadence.example.org",
}
PRODUCTION = {
    "CADENCE_ENV": "production",
    "SECRET_KEY": GOOD["secret_key"],
    "ALLOWED_HOSTS": "cadence.example.org",
    "EMAIL_URL": GOOD["mail_url"],
    "DEFAULT_FROM_EMAIL": GOOD["sender"],
    "DATABASE_URL": GOOD["database_url"],
    "REDIS_URL": GOOD["broker_url"],
    "PUBLIC_URL": GOOD["public_url"],
}
START = [sys.executable, "manage.py", "check"]


def run(command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """In an environment that holds these variables alone."""
    clean = {"PATH": os.environ["PATH"], "CADENCE_STATE_DIR": os.environ["CADENCE_STATE_DIR"], **variables}
    return subprocess.run(command, cwd=BASE_DIR, env=clean, capture_output=True, text=True, timeout=60)


def test_whole_settings_are_accepted() -> None:
    environment.refuse_unsafe_production(**GOOD)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"secret_key": ""}, "SECRET_KEY is not set"),
        ({"secret_key": "default"}, "SECRET_KEY is not set"),
        ({"secret_key": "short"}, "SECRET_KEY is not 50 random characters"),
        ({"secret_key": "a" * 60}, "SECRET_KEY is not 50 random characters"),
        ({"debug": True}, "DEBUG is on"),
        ({"hosts": []}, "ALLOWED_HOSTS does not name the hosts that are served"),
        ({"hosts": ["*"]}, "ALLOWED_HOSTS does not name the hosts that are served"),
        (
            {"mail_url": "filemail:////var/mail"},
            "EMAIL_URL does not name a mail server (smtp, smtp+tls or smtp+ssl)",
        ),
        ({"mail_url": "smtp://"}, "EMAIL_URL does not name a mail server (smtp, smtp+tls or smtp+ssl)"),
        (
            {"mail_url": "nonsense"},
            "EMAIL_URL is not the address of a mail server, such as smtp+tls://user:password@host:587",
        ),
        (
            {"database_url": "nonsense"},
            "DATABASE_URL is not the address of a PostgreSQL database, such as "
            "postgresql://user:password@host:5432/name",
        ),
        (
            {"broker_url": "nonsense"},
            "REDIS_URL is not the address of a Redis or Valkey server, such as redis://host:6379/0",
        ),
        (
            {"sender": "x"},
            "DEFAULT_FROM_EMAIL is not an e-mail address, such as appointments@clinic.example",
        ),
        *(
            (
                {"public_url": url},
                "PUBLIC_URL is not the address that patients reach this by, such as https://clinic.example",
            )
            for url in (
                "",
                "http://clinic.example",
                "https://",
                "https://clinic.example/path",
                "https://clinic.example:x",
            )
        ),
        *(
            (
                {"hosts": hosts},
                "PUBLIC_URL names a host that is not in ALLOWED_HOSTS, so no link of a patient would open",
            )
            for hosts in (["app.example.org"], ["example.org"], [".cadence.example.com", "adence.example.org"])
        ),
        ({"sender": ""}, "DEFAULT_FROM_EMAIL does not name the sender of mail"),
        ({"database_url": ""}, "DATABASE_URL is not set (the embedded PostgreSQL is only for trying out)"),
        ({"broker_url": ""}, "REDIS_URL is not set (the embedded Valkey is only for trying out)"),
    ],
)
def test_each_unsafe_setting_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(environment.Refusal) as refusal:
        environment.refuse_unsafe_production(**{**GOOD, **change})
    assert refusal.value.code == f"Cadence does not start in production: {fault}."


@pytest.mark.parametrize(
    "command",
    [
        START,
        [sys.executable, "-m", "gunicorn", "clinic.wsgi", "--preload", "--no-control-socket", "--bind", "127.0.0.1:0"],
        [sys.executable, "-m", "celery", "-A", "clinic", "worker"],
        [sys.executable, "-m", "celery", "-A", "clinic", "beat"],
    ],
    ids=["manage.py", "gunicorn", "worker", "beat"],
)
def test_nothing_starts_in_production_without_its_settings(command: list[str]) -> None:
    done = run(command, CADENCE_ENV="production")
    assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (
        1,
        "Cadence does not start in production: SECRET_KEY is not set; DATABASE_URL is not set (the embedded "
        "PostgreSQL is only for trying out); REDIS_URL is not set (the embedded Valkey is only for trying out); "
        "ALLOWED_HOSTS does not name the hosts that are served; PUBLIC_URL is not the address that patients reach this "
        "by, such as https://clinic.example; EMAIL_URL does not name a mail server (smtp, smtp+tls or smtp+ssl); "
        "DEFAULT_FROM_EMAIL does not name the sender of mail.",
    )
    assert "Traceback" not in done.stderr


def test_one_sentence_names_every_fault_also_beside_broken_addresses() -> None:
    done = run(
        START,
        **{
            **PRODUCTION,
            "SECRET_KEY": "short",
            "DATABASE_URL": "mysql://db",
            "REDIS_URL": "redis://",
            "EMAIL_URL": "smtp://host:port",
            "DEFAULT_FROM_EMAIL": "x",
        },
    )
    assert (done.returncode, done.stderr) == (
        1,
        "Cadence does not start in production: SECRET_KEY is not 50 random characters; DATABASE_URL is not the address "
        "of a PostgreSQL database, such as postgresql://user:password@host:5432/name; REDIS_URL is not the address of "
        "a Redis or Valkey server, such as redis://host:6379/0; EMAIL_URL is not the address of a mail server, such as "
        "smtp+tls://user:password@host:587; DEFAULT_FROM_EMAIL is not an e-mail address, such as "
        "appointments@clinic.example.\n",
    )


@pytest.mark.parametrize("name", ["Production", "prod", "production ", ""])
def test_an_environment_that_is_not_known_is_refused_rather_than_taken_for_trying_out(name: str) -> None:
    done = run(START, CADENCE_ENV=name)
    assert (done.returncode, done.stderr) == (1, "CADENCE_ENV is neither production nor development.\n")


@pytest.mark.parametrize(
    ("public_url", "hosts"),
    [
        ("https://Cadence.example.org:8443/", ["cadence.example.org"]),
        ("https://patients.example.org", ["desk.example.org", ".example.org"]),
    ],
)
def test_patients_may_come_by_any_host_that_is_served(public_url: str, hosts: list[str]) -> None:
    environment.refuse_unsafe_production(**{**GOOD, "public_url": public_url, "hosts": hosts})


def test_a_sender_may_bear_a_name() -> None:
    environment.refuse_unsafe_production(**{**GOOD, "sender": "Harbor Clinic <desk@harbor.example>"})


def test_production_settings_pass_the_deployment_check() -> None:
    done = run([*START, "--deploy", "--fail-level", "WARNING"], **PRODUCTION)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "DATABASE_URL",
            value,
            "DATABASE_URL is not the address of a PostgreSQL database, such as postgresql://user:password@host:5432/name.",
        )
        for value in ("nonsense", "mysql://db/cadence", "postgresql://db", "postgresql://user:secret@db:port/cadence")
    ]
    + [
        (
            "REDIS_URL",
            value,
            "REDIS_URL is not the address of a Redis or Valkey server, such as redis://host:6379/0.",
        )
        for value in ("nonsense", "amqp://broker", "redis://", "redis://host:port")
    ]
    + [
        (
            "EMAIL_URL",
            value,
            "EMAIL_URL is not the address of a mail server, such as smtp+tls://user:password@host:587.",
        )
        for value in ("nonsense", "pigeon://loft", "smtp://host:port")
    ],
)
def test_broken_address_is_told_in_one_sentence(variable: str, value: str, sentence: str) -> None:
    read = {"DATABASE_URL": environment.read_database, "REDIS_URL": environment.read_broker}
    with pytest.raises(environment.Refusal) as refusal:
        read.get(variable, environment.read_mail)(value)
    assert refusal.value.code == sentence


def test_broken_address_ends_a_command_without_a_traceback() -> None:
    done = run(START, DATABASE_URL="postgresql://user:secret@db:port/cadence")
    assert (done.returncode, done.stderr) == (
        1,
        "DATABASE_URL is not the address of a PostgreSQL database, such as postgresql://user:password@host:5432/name.\n",
    )


def test_database_that_does_not_answer_is_told_in_one_sentence() -> None:
    done = run(
        [sys.executable, "manage.py", "migrate"],
        DATABASE_URL="postgresql://user:secret@127.0.0.1:1/cadence",
        REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The database at 127.0.0.1:1/cadence does not answer: ")
    assert (done.stderr.count("\n"), "secret" in done.stderr) == (1, False)


def test_the_quick_password_hash_is_only_that_of_a_test_run() -> None:
    """A process that merely imports pytest, as a clock for trying things out does, keeps the real hash."""
    read = "import pytest; from clinic import settings; print(hasattr(settings, 'PASSWORD_HASHERS'))"
    asked = run([sys.executable, "-c", read])
    assert (asked.stdout, settings.PASSWORD_HASHERS) == (
        "False\n",
        ["django.contrib.auth.hashers.MD5PasswordHasher"],
    )


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("imaps://desk%40clinic.example:secret@mail.example/INBOX", ""),
        ("imaps://desk:secret@mail.example:1993", ""),
        ("imap://desk:secret@mail.example", "INBOX_URL does not use TLS (imaps)"),
        *(
            (url, "INBOX_URL is not the address of a mailbox, such as imaps://user:password@host/INBOX")
            for url in (
                "nonsense",
                "imaps://mail.example",
                "imaps://desk@mail.example",
                "imaps://d:s@mail.example:port",
            )
        ),
    ],
)
def test_a_mailbox_is_read_over_tls_alone_in_production(url: str, fault: str) -> None:
    assert environment.find_inbox_fault(url, tls_only=True) == fault


@pytest.mark.parametrize("secret", ["short", "whsec_" + "A" * 28, "whsec_?" + "A" * 40])
def test_a_secret_that_signs_mail_is_long_and_in_base64(secret: str) -> None:
    with pytest.raises(environment.Refusal) as refusal:
        environment.read_inbound_secret(secret)
    assert refusal.value.code == ("INBOUND_MAIL_SECRET is not whsec_ and at least 24 random bytes in Base64.")


def test_without_a_mailbox_and_a_secret_nothing_comes_in() -> None:
    assert environment.read_inbox("", tls_only=True) == environment.read_inbound_secret("") == ""


# Text messages

ACCOUNT = "twilio://AC123:secret@?from=+12125550101"


@pytest.mark.parametrize("url", ["", ACCOUNT, ACCOUNT.replace("+12125550101", "MG" + "0a" * 16)])
def test_production_starts_without_texts_and_with_an_account(url: str) -> None:
    environment.refuse_unsafe_production(**{**GOOD, "sms_url": url})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        *(
            (
                {"sms_url": url},
                "SMS_URL is not an account for text messages, such as twilio://SID:TOKEN@?from=+12125550101",
            )
            for url in (
                "nonsense",
                "pigeon://AC123:secret@?from=+12125550101",
                "twilio://AC123@?from=+12125550101",
                "twilio://AC123:secret@",
                "twilio://AC123:secret@?from=2125550101x",
                "twilio://AC123:secret@host:port?from=+12125550101",
                "twilio://AC123:secret@?from=+12125550101&from=+12125550102",
            )
        ),
        ({"sms_url": "file:///var/sms"}, "SMS_URL names a folder, where no patient would read it"),
        (
            {"sms_url": ACCOUNT, "public_url": f"https://{'a' * 63}", "hosts": ["a" * 63]},
            "PUBLIC_URL is longer than 70 characters, too long for links in text messages",
        ),
    ],
)
def test_production_refuses_texts_that_would_reach_nobody(change: dict[str, str], fault: str) -> None:
    with pytest.raises(environment.Refusal) as refusal:
        environment.refuse_unsafe_production(**{**GOOD, **change})
    assert refusal.value.code == f"Cadence does not start in production: {fault}."


def test_account_is_read_from_its_address() -> None:
    assert environment.read_texting("twilio://AC1:to%2Fken@127.0.0.1:81?from=+12125550101") == environment.Texting(
        account="AC1", token="to/ken", sender="+12125550101", served_at="http://127.0.0.1:81"
    )
    assert environment.read_texting("twilio://AC1:t@sms.example?from=%2B12125550101") == environment.Texting(
        account="AC1", token="t", sender="+12125550101", served_at="https://sms.example"
    )
    assert environment.read_texting("file:///var/my%20sms") == environment.Texting(folder="/var/my sms")
    assert environment.read_texting("") is None


def test_broken_address_for_texts_ends_a_command_without_a_traceback() -> None:
    done = run(START, SMS_URL="twilio://AC123:secret@host:port")
    assert (done.returncode, done.stderr) == (
        1,
        "SMS_URL is not an account for text messages, such as twilio://SID:TOKEN@?from=+12125550101.\n",
    )
