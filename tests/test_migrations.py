"""The migrations build the database from nothing, take it down again, and keep the rows of one that is filled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

APPS = ("clinic", "protocols", "scheduling")
THEN = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
FIRST = [(app, "0001_initial") for app in APPS]


@pytest.fixture
def fresh(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """An empty database beside the one of the other tests."""
    with django_db_blocker.unblock():
        default = connections["default"]
        name = f"{default.settings_dict['NAME']}_migrations"
        connections.databases["fresh"] = {**default.settings_dict, "NAME": name}
        with default.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}"')
        try:
            yield connections["fresh"]
        finally:
            connections["fresh"].close()
            del connections["fresh"], connections.databases["fresh"]
            with default.cursor() as cursor:
                cursor.execute(f'DROP DATABASE "{name}"')


def tables(connection: Any) -> set[str]:
    with connection.cursor() as cursor:
        return {name for name in connection.introspection.table_names(cursor) if name.split("_")[0] in APPS}


def triggers(connection: Any) -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal")
        return set(cursor.fetchall())


def expected_tables() -> set[str]:
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table for model in models if model._meta.app_label in APPS}


def expected_triggers() -> set[tuple[str, str]]:
    return {(model._meta.db_table, trigger.get_pgid(model)) for model, trigger in pgtrigger.registered()}


def migrate(*target: str) -> None:
    call_command("migrate", *target, database="fresh", verbosity=0, interactive=False)


def test_migrations_build_a_database_keep_its_rows_and_take_it_down_again(fresh: Any) -> None:
    """In one go, for each way takes seconds."""
    for app, name in FIRST:
        migrate(app, name)
    site = fill(MigrationExecutor(fresh).loader.project_state(FIRST).apps)
    kept = [
        [("riverside", "America/New_York")],
        [("Abbott", site.pk)],
        [("draft",)],
        [("insert",)],
        [("Beth Abbott", "confirmed")],
        [("course_summary", "ada@mail.example", "due")],
    ]
    migrate()
    migrate()  # asked twice, nothing more happens
    assert (tables(fresh), triggers(fresh)) == (expected_tables(), expected_triggers())
    assert (read_rows(fresh), read_defaults(fresh)) == (kept, DEFAULTS)
    for app, name in reversed(FIRST):
        migrate(app, name)
    assert read_rows(fresh) == kept
    for app in reversed(APPS):
        migrate(app, "zero")
    assert (tables(fresh), triggers(fresh)) == (set(), set())


def read_rows(connection: Any) -> list[list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:
        return [
            cursor.execute(query).fetchall()
            for query in (
                "SELECT code, timezone FROM clinic_site",
                "SELECT family_name, home_site_id FROM clinic_patient",
                "SELECT status FROM protocols_protocolversion",
                "SELECT pgh_label FROM clinic_patientevent",
                "SELECT name, status FROM scheduling_driver",
                "SELECT kind, recipient, status FROM scheduling_notice",
            )
        ]


DEFAULTS = [
    [([3, 1], time(21, 0), time(8, 0), "approval", False)],
    [("channel",)],
    [("person", "", THEN, None)],
    [(None, "")],
    [("{}", "[]", None, None, "")],
    [(False, None)],
    [(None,)],
    [("",)],
]


def read_defaults(connection: Any) -> list[list[tuple[Any, ...]]]:
    """What rows of before have in the columns that came later."""
    with connection.cursor() as cursor:
        return [
            cursor.execute(query).fetchall()
            for query in (
                "SELECT reminder_days, quiet_from, quiet_until, patient_moves, allows_ride_service FROM clinic_site",
                "SELECT reminders_by FROM clinic_patient",
                "SELECT kind, email, agreed_start, lost_at FROM scheduling_driver",
                "SELECT answer_id, provider_id FROM scheduling_notice",
                "SELECT added_visits, rhythm, paused_on, paused_until, pause_reason FROM scheduling_course",
                "SELECT set_aside, treated_at FROM scheduling_session",
                "SELECT due_days FROM protocols_gate",
                "SELECT note FROM scheduling_coursedecision",
            )
        ]


def fill(then: Any) -> Any:
    """Rows as the first version wrote them."""

    def make(app: str, model: str, **values: Any) -> Any:
        return then.get_model(app, model).objects.using("fresh").create(**values)

    site = make("clinic", "Site", code="riverside", name="R", public_name="R", timezone="America/New_York")
    make("clinic", "SiteHours", site=site, weekday=0, opens_at=time(8), closes_at=time(18))
    patient = make("clinic", "Patient", home_site=site, given_name="Ada", family_name="Abbott")
    protocol = make("protocols", "Protocol", site=site, code="calm", name="Calm", family="other")
    version = make("protocols", "ProtocolVersion", protocol=protocol, number=1)
    visit_type = make("protocols", "VisitType", version=version, code="visit", name="Visit", sedating=True)
    track = make("protocols", "Track", version=version, position=0, name="main", visit_type=visit_type)
    make("protocols", "Gate", version=version, code="consent", name="Consent", moment="booking")
    point = make(
        "protocols", "DecisionPoint", version=version, track=track, after_number=1, mode="review", question="?"
    )
    clinician = make("clinic", "User", username="cora", role="clinician")
    course = make(
        "scheduling", "Course", patient=patient, site=site, version=version, earliest_start=THEN.date(),
        latest_start=THEN.date(), preferred_time=time(9), requested_at=THEN,
    )  # fmt: skip
    session = make(
        "scheduling", "Session", course=course, patient=patient, site=site, track=track, visit_type=visit_type,
        number=1, start=THEN, end=THEN + timedelta(hours=2), local_date=THEN.date(), local_time=time(9),
        timezone="America/New_York", status_at=THEN, created_at=THEN, changed_at=THEN,
    )  # fmt: skip
    make("scheduling", "Driver", session=session, name="Beth Abbott", status="confirmed", changed_at=THEN)
    make(
        "scheduling", "CourseDecision", course=course, decision_point=point, outcome="continue", decided_at=THEN,
        decided_by=clinician,
    )  # fmt: skip
    make(
        "scheduling", "Notice", patient=patient, course=course, kind="course_summary", channel="email", key="summary",
        message_id="<1@mail.example>", recipient="ada@mail.example", due_at=THEN, created_at=THEN,
    )  # fmt: skip
    return site
