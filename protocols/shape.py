"""All of a version that decides how its courses lie, read in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.models import DecisionPoint, Link, Phase, ProtocolVersion, Track, VisitType
from protocols.models.visit import Place


@dataclass(frozen=True)
class Shape:
    visits: list[VisitType]
    tracks: list[Track]
    links: list[Link]
    decisions: list[DecisionPoint]

    def visit_of(self, phase: Phase, track: Track) -> VisitType:
        visit_id = phase.visit_type_id or track.visit_type_id
        return next(visit for visit in self.visits if visit.pk == visit_id)

    def visits_of(self, track: Track) -> list[VisitType]:
        """The visits that the track's phases have, each once."""
        found = {visit.pk: visit for visit in (self.visit_of(phase, track) for phase in track.phases.all())}
        return list(found.values())

    def used_visits(self) -> list[VisitType]:
        """The visits that some track asks of the clinic."""
        used = {visit.pk for track in self.tracks for visit in self.visits_of(track)}
        return [visit for visit in self.visits if visit.pk in used and visit.place != Place.EXTERNAL]


def read_shape(version: ProtocolVersion) -> Shape:
    visits = version.visit_types.prefetch_related("stages__needs", "stages__tasks", "instructions")
    tracks = version.tracks.prefetch_related("phases")
    links = version.links.select_related("track", "after")
    decisions = version.decision_points.select_related("track")
    return Shape(list(visits), list(tracks), list(links), list(decisions))
