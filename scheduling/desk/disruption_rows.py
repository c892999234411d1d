"""A replanning as the page shows it: by patient, each visit before and after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects
from django.urls import reverse

from clinic.models import Resource, Site
from scheduling.disruptions.answer import Answer, Move, Replanning
from scheduling.models import Session
from scheduling.words import count_of, label_session


def describe_replanning(found: Replanning, *, ticked: Collection[int] | None) -> dict[str, Any]:
    """`ticked` are the courses that were chosen; all where that is None."""
    answers = found.answers
    moves = [move for answer in answers for move in answer.moves]
    prefetch_related_objects([*(move.session for move in moves), *found.under_way], "holds__resource")
    names = dict(Resource.objects.filter(site=found.disruption.site).values_list("pk", "name"))
    left = [row for row in _left_out(found) if ticked is not None]
    protocols = {session.course_id: session.course.version.protocol.name for session in found.hit}
    described = {
        answer.course.pk: {
            **_describe(answer, names, found.disruption.site),
            "protocol": protocols[answer.course.pk],
        }
        for answer in answers
    }
    return {
        "placed": [described[answer.course.pk] for answer in found.placed],
        "unplaced": [described[answer.course.pk] for answer in found.unplaced],
        "left_out": left,
        "under_way": [_under_way(session) for session in found.under_way],
        "hit": len(found.hit),
        "patients": len({session.patient_id for session in found.hit}),
        "stay": sum(not move.is_moved and move.is_hit for move in moves),
        "moved": found.moved,
        "others": sum(len(answer.others) for answer in found.placed),
        "is_fewest": found.is_fewest and found.moved > 0,
        "told": sum(bool(answer.moved) for answer in found.placed),
    }


def _left_out(found: Replanning) -> list[dict[str, Any]]:
    """The courses that are hit and were not chosen."""
    answered = {answer.course.pk for answer in found.answers}
    under_way = {session.pk for session in found.under_way}
    rows = {s.course_id: s for s in found.hit if s.course_id not in answered and s.pk not in under_way}
    return [{"pk": pk, "patient": session.patient, "url": _course_url(pk)} for pk, session in rows.items()]


def _under_way(session: Session) -> dict[str, Any]:
    return {
        "session": session,
        "starts": session.local_start,
        "where": _where(hold.resource.name for hold in session.holds.all()),
        "url": reverse("admin:scheduling_session_change", args=[session.pk]),
    }


def _describe(answer: Answer, names: Mapping[int, str], site: Site) -> dict[str, Any]:
    course = answer.course
    tracks = {session.track_id for session in answer.hit} | {move.session.track_id for move in answer.moves}
    several = len(tracks) > 1
    return {
        "pk": course.pk,
        "patient": course.patient,
        "url": _course_url(course.pk),
        "rows": [_row(move, names, site, several) for move in answer.moves if move.is_moved or move.is_hit],
        "hit": [{"starts": session.local_start} for session in answer.hit],
        "note": _note(answer),
        "why": answer.why,
    }


def _note(answer: Answer) -> str:
    """What happens to the numbers, and to other visits, in a sentence each."""
    said = []
    if answer.others:
        said.append(f"{count_of(len(answer.others), 'other visit')} of the course must move for it.")
    if any(not move.is_moved and not move.keeps_number for move in answer.moves):
        said.append("The visits in between keep their times and count one earlier.")
    return " ".join(said)


def _row(move: Move, names: Mapping[int, str], site: Site, several: bool) -> dict[str, Any]:
    before = [hold.resource_id for hold in move.session.holds.all()]
    after = [int(hold.resource) for hold in move.holds]
    new = move.start.astimezone(site.zone)
    return {
        "label": label_session(move.track, move.session.number, several=several),
        "old": move.session.local_start,
        "old_where": _where(names.get(pk, "") for pk in before),
        "new": new,
        "where": _where(names.get(pk, "") for pk in after),
        "is_moved": move.is_moved,
        "is_other": not move.is_hit,
        "how": _how(move, new),
    }


def _how(move: Move, new: datetime) -> str:
    if not move.is_moved:
        return "same time"
    days = (new.date() - move.session.local_date).days
    if days == 0:
        return "same day"
    if move.number > move.session.number:
        return "at the end of the course"
    return f"{count_of(abs(days), 'day')} {'later' if days > 0 else 'earlier'}"


def _where(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(name for name in names if name))


def _course_url(pk: int) -> str:
    return reverse("admin:scheduling_course_change", args=[pk])
