"""Who is watched after a treatment, and for how long at least: counted from when it was given, else from the plan.

The minutes of a monitoring stage are a minimum. They run from the end of the treatment, which is what staff record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from protocols.holds import stage_spans, treatment_span
from scheduling.models import Session, SessionStatus

STAGES = "visit_type__stages__tasks"
"""What to prefetch on sessions before asking how long they are watched."""


@dataclass(frozen=True)
class WatchTask:
    """Something due while the patient is watched, such as a blood pressure."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Watch:
    """From when until when at least; `is_recorded` where somebody has said when the treatment was given."""

    begins: datetime
    until: datetime
    planned_until: datetime
    is_recorded: bool
    tasks: tuple[WatchTask, ...]

    def has_begun(self, *, now: datetime) -> bool:
        return self.is_recorded or self.begins <= now

    def next_task(self, *, now: datetime) -> WatchTask | None:
        return next((task for task in self.tasks if task.at > now), None)


def find_watch(session: Session) -> Watch | None:
    """None where the visit has no monitoring, or the patient is not here."""
    if session.status != SessionStatus.ARRIVED:
        return None
    watched = [span for span in stage_spans(session.visit_type) if span.stage.is_monitoring]
    if not watched:
        return None
    treated = timedelta(minutes=treatment_span(session.visit_type)[1])
    # Where the visit would have started, had the treatment been given as planned.
    origin = session.treated_at - treated if session.treated_at else session.start
    tasks = [
        WatchTask(task.name, origin + timedelta(minutes=span.begin + task.at_minute))
        for span in watched
        for task in span.stage.tasks.all()
    ]
    return Watch(
        begins=origin + timedelta(minutes=watched[0].begin),
        until=origin + timedelta(minutes=watched[-1].end),
        planned_until=session.start + timedelta(minutes=watched[-1].end),
        is_recorded=session.treated_at is not None,
        tasks=tuple(sorted(tasks, key=lambda task: task.at)),
    )
