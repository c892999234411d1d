"""The plan that staff saw, carried by the page itself: signed, so that what is booked is what was shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core import signing

from scheduling.engine import CoursePlan, Result, read_result, write_result

SALT = "cadence.desk.plan"
LASTS = timedelta(hours=4)


class StalePlan(Exception):
    """The page is too old, or was tampered with."""


def sign_plan(plan: CoursePlan, *, user_id: int, request: dict[str, str]) -> str:
    document = write_result(Result(courses=(plan,), cost=plan.cost or 0))
    return signing.dumps({"user": user_id, "request": request, "result": document}, salt=SALT, compress=True)


def read_plan(token: str, *, user_id: int, request: dict[str, str]) -> CoursePlan:
    """The plan, if this person was shown it for this very request."""
    try:
        found: dict[str, Any] = signing.loads(token, salt=SALT, max_age=LASTS)
    except signing.BadSignature as error:
        raise StalePlan from error
    if found["user"] != user_id or found["request"] != request:
        raise StalePlan
    return read_result(found["result"]).courses[0]
