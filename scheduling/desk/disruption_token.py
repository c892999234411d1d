"""What a clerk was shown of a disruption, carried by the page itself and signed: what is done is what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.core import signing

from clinic.models import Resource, Site
from scheduling.desk.plan_token import LASTS, StalePlan
from scheduling.disruptions.applying import Agreed, AgreedMove
from scheduling.disruptions.question import Disruption, Span
from scheduling.engine import PlacedHold

SALT = "cadence.desk.disruption"


def sign_replanning(disruption: Disruption, agreed: Sequence[Agreed], *, user_id: int) -> str:
    closed = [day.isoformat() for day in disruption.closed or ()]
    document = {
        "user": user_id,
        "site": disruption.site.pk,
        "out": [[span.resource.pk, span.start.isoformat(), span.end.isoformat()] for span in disruption.outages],
        "closed": closed,
        "courses": [_write(one) for one in agreed],
    }
    return signing.dumps(document, salt=SALT, compress=True)


def read_replanning(token: str, sites: Sequence[Site], *, user_id: int) -> tuple[Disruption, list[Agreed]]:
    """What this person was shown, at a site that is theirs still."""
    try:
        found: dict[str, Any] = signing.loads(token, salt=SALT, max_age=LASTS)
    except signing.BadSignature as error:
        raise StalePlan from error
    site = next((site for site in sites if site.pk == found["site"]), None)
    if found["user"] != user_id or site is None:
        raise StalePlan
    resources = Resource.objects.filter(site=site).in_bulk([pk for pk, _, _ in found["out"]])
    if len(resources) < len({pk for pk, _, _ in found["out"]}):
        raise StalePlan
    outages = tuple(
        Span(resources[pk], datetime.fromisoformat(start), datetime.fromisoformat(end))
        for pk, start, end in found["out"]
    )
    closed = tuple(date.fromisoformat(day) for day in found["closed"])
    disruption = Disruption(site, outages, (closed[0], closed[1]) if closed else None)
    return disruption, [_read(one) for one in found["courses"]]


def _write(one: Agreed) -> list[Any]:
    moves = [
        [
            move.session_id,
            move.seen_at.isoformat(),
            move.number,
            move.start.isoformat(),
            [[hold.kind, hold.resource, hold.seat] for hold in move.holds],
        ]
        for move in one.moves
    ]
    return [one.course_id, one.shift_days, moves]


def _read(one: list[Any]) -> Agreed:
    course_id, shift_days, moves = one
    return Agreed(
        course_id,
        shift_days,
        tuple(
            AgreedMove(
                session_id,
                datetime.fromisoformat(seen_at),
                number,
                datetime.fromisoformat(start),
                tuple(PlacedHold(*hold) for hold in holds),
            )
            for session_id, seen_at, number, start, holds in moves
        ),
    )
