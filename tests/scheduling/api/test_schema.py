"""The OpenAPI description is valid, complete and marked as a preview."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from scheduling.api.serializers.plans import CLOCK_SCHEMA, RELAXATION_SCHEMA
from scheduling.engine import RELAXATION_FIELDS, CoursePlan, Relaxation
from scheduling.explaining import write_relaxations


@pytest.fixture(scope="module")
def schema() -> dict:
    return APIClient().get("/api/v1/schema/?format=json").json()


def test_the_schema_is_valid_openapi_3_1_and_a_preview(schema: dict) -> None:
    validate_schema(schema)
    assert (schema["openapi"], schema["info"]["x-preview"]) == ("3.1.0", True)


def test_the_schema_lists_every_operation(schema: dict) -> None:
    assert {f"{method.upper()} {path}" for path, item in schema["paths"].items() for method in item} == {
        "GET /api/v1/courses/",
        "POST /api/v1/courses/",
        "POST /api/v1/courses/preview/",
        "GET /api/v1/courses/{id}/",
        "POST /api/v1/courses/{id}/stop/",
        "GET /api/v1/openings/",
        "GET /api/v1/patients/",
        "POST /api/v1/patients/",
        "GET /api/v1/patients/{id}/",
        "PATCH /api/v1/patients/{id}/",
        "GET /api/v1/patients/{id}/consents/",
        "POST /api/v1/patients/{id}/consents/",
        "POST /api/v1/patients/{id}/consents/withdraw/",
        "GET /api/v1/protocols/",
        "GET /api/v1/protocols/{id}/",
        "GET /api/v1/resources/",
        "GET /api/v1/resources/{id}/",
        "GET /api/v1/sessions/",
        "GET /api/v1/sessions/{id}/",
        "POST /api/v1/sessions/{id}/move/",
        "POST /api/v1/sessions/{id}/cancel/",
        "POST /api/v1/sessions/{id}/driver/",
        "GET /api/v1/sites/",
        "GET /api/v1/sites/{id}/",
    }


def test_openings_are_described_as_they_come(schema: dict) -> None:
    answer = schema["paths"]["/api/v1/openings/"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer == {"schema": {"$ref": "#/components/schemas/Openings"}}
    assert list(schema["components"]["schemas"]["Opening"]["properties"]) == ["start", "holds"]


def test_what_the_planner_answers_is_typed(schema: dict) -> None:
    schemas = schema["components"]["schemas"]
    parts = ("start", "length", "time", "spread", "continuity", "moved", "unplanned")
    for name in ("Course", "CourseDetail", "Proposal"):
        shown = schemas[name]["properties"]
        assert shown["cost"]["properties"] == {part: {"type": "integer"} for part in parts}, name
        assert shown["relaxations"]["items"]["properties"]["type"]["enum"] == list(RELAXATION_FIELDS), name
    time = schemas["Alternative"]["properties"]["time"]
    assert (time["type"], time["pattern"], "format" in time) == ("string", CLOCK_SCHEMA["pattern"], False)


def test_relaxations_have_the_fields_that_the_schema_lists() -> None:
    at = datetime(2026, 12, 5, 9, tzinfo=UTC)
    later = at + timedelta(hours=1)
    ways = (
        Relaxation("extend_latest_start", days=2),
        Relaxation("slip", track="tms", phase="acute", days=2),
        Relaxation("add_seat", kind="chair", skill="rems", start=at, end=later),
        Relaxation("free_patient", start=at, end=later),
        Relaxation("open_site", on=at.date(), begin=540, end_minute=1440),
    )
    written = write_relaxations(CoursePlan("1", "infeasible", relaxations=ways))
    assert {name for way in written for name in way} == set(RELAXATION_SCHEMA["properties"])


def test_every_operation_says_how_it_refuses(schema: dict) -> None:
    for item in schema["paths"].values():
        for operation in item.values():
            assert operation["responses"]["401"]["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
            assert operation["security"] == [{"bearerKey": []}]


def test_the_schema_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS, (GENERATOR_STATS._error_cache, GENERATOR_STATS._warn_cache)
