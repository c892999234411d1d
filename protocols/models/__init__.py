from protocols.models.decision import DecisionPoint, Gate
from protocols.models.protocol import Protocol, ProtocolVersion
from protocols.models.shape import Link, Phase, Track
from protocols.models.source import Source, SourceTag
from protocols.models.visit import Instruction, Need, Stage, StageTask, VisitType

__all__ = [
    "DecisionPoint",
    "Gate",
    "Instruction",
    "Link",
    "Need",
    "Phase",
    "Protocol",
    "ProtocolVersion",
    "Source",
    "SourceTag",
    "Stage",
    "StageTask",
    "Track",
    "VisitType",
]
