"""What is due after a visit, such as a monitoring form: which visits wait for it, until when, and what was sent."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateField, Exists, ExpressionWrapper, F, FilteredRelation, OuterRef, Q, QuerySet

from clinic.models import Site, User
from protocols.models import Gate
from protocols.models.decision import GateMoment
from scheduling.gates import meet_gate
from scheduling.models import GateRecord, Session, SessionStatus
from scheduling.seating import refuse_session

RECENT = timedelta(days=92)
"""So far back the daily lists look: the form of an older visit is asked for by itself."""


def forms_due(sites: Collection[Site], *, since: datetime | None = None) -> QuerySet[Any]:
    """Completed visits with `form` (the gate), `form_name` and `due_on`, a row for each form; the most urgent first."""
    after = Q(course__version__gates__moment=GateMoment.AFTER)
    sent = GateRecord.objects.filter(session=OuterRef("pk"), gate=OuterRef("form__pk"))
    treated = Session.objects.filter(site__in=sites, status=SessionStatus.COMPLETED)
    if since is not None:
        treated = treated.filter(start__gte=since)
    return (
        treated.annotate(form=FilteredRelation("course__version__gates", condition=after))
        .filter(Q(form__visit_type=None) | Q(form__visit_type=F("visit_type")), form__isnull=False)
        .filter(~Exists(sent))
        .annotate(
            form_id=F("form__pk"),
            form_name=F("form__name"),
            due_on=ExpressionWrapper(F("local_date") + F("form__due_days"), output_field=DateField()),
        )
        .order_by("due_on", "start", "pk", "form_id")
    )


def forms_sent(sites: Collection[Site], *, since: datetime) -> QuerySet[GateRecord]:
    """Of visits since then, the newest first."""
    visits = Session.objects.filter(site__in=sites, start__gte=since)
    records = GateRecord.objects.filter(gate__moment=GateMoment.AFTER, session__in=visits)
    return records.select_related("gate", "session__patient", "session__site", "recorded_by").order_by("-met_on", "-pk")


def mark_sent(session: Session, form: Gate, *, now: datetime, by: User) -> GateRecord:
    """Today, by the clock of the clinic. Asked twice on one day, return what exists."""
    if form.moment != GateMoment.AFTER or session.status != SessionStatus.COMPLETED:
        raise refuse_session(session, "Only what is due after a completed visit can be sent.", rule="status")
    today = now.astimezone(session.site.zone).date()
    return meet_gate(session.course, form, met_on=today, by=by, session=session)
