"""When one label makes another one needless: it costs no more, and every way on from the other is open to it too."""

from __future__ import annotations

from ..options import Chain
from .joint import Joint
from .label import Label
from .links import Links
from .rating import Node


class Dominance:
    def __init__(self, chains: list[Chain], links: Links) -> None:
        self.chains, self.links = chains, links

    def covers(self, one: Label, other: Label, joint: Joint) -> bool:
        """Whether every way on from `other` is open to `one` too, which costs no more so far."""
        if one.cost > other.cost or one.owed != other.owed:
            return False
        for mine, its in zip(one.dates, other.dates, strict=True):
            if any(a > b for a, b in zip(mine, its, strict=True)):
                return False
        node = one.node
        for i, chain in enumerate(self.chains):
            if node.placed[i] == len(chain.steps):
                continue
            follow = chain.steps[node.placed[i]]
            if one.treats[i] != other.treats[i] and node.placed[i]:
                a = (one.treats[i] + follow.least, one.treats[i] + follow.most)
                b = (other.treats[i] + follow.least, other.treats[i] + follow.most)
                if not self._reaches(joint, i, node, a, b, 1):
                    return False
        if any(
            self.links.is_yet_to_judge(tie, one.ends[tie.after], other.ends[tie.after]) for tie in self.links.windows
        ):
            return False
        for tie in self.links.ties:
            if tie.type in ("at_least", "apart") or one.ends[tie.after] == other.ends[tie.after]:
                continue
            if node.placed[tie.track] == len(self.chains[tie.track].steps):
                continue
            if tie.type == "clear":
                if one.ends[tie.after] + tie.low < self.links.line.midnight(node.day + 1) * 60:
                    continue
                if one.ends[tie.after] > other.ends[tie.after]:
                    return False
                continue
            a = (one.ends[tie.after] + tie.low, one.ends[tie.after] + tie.high)
            b = (other.ends[tie.after] + tie.low, other.ends[tie.after] + tie.high)
            if not self._reaches(joint, tie.track, node, a, b, 99):
                return False
        return True

    def _reaches(
        self, joint: Joint, track: int, node: Node, a: tuple[int, int], b: tuple[int, int], ahead: int
    ) -> bool:
        """Whether no start of the track's next sessions after the node's date lies in `b` and not in `a`."""
        missed = [(b[0], min(b[1], a[0] - 1)), (max(b[0], a[1] + 1), b[1])]
        spans = [(low, high) for low, high in missed if low <= high]
        if not spans:
            return True
        chain = self.chains[track]
        first = node.placed[track]
        for k in range(first, min(first + ahead, len(chain.steps))):
            for day in joint.tables[track].days[k]:
                if day <= node.day:
                    continue
                if any(chain.meets(chain.steps[k], day, low, high) for low, high in spans):
                    return False
            if joint.tables[track].days[k] and chain.reach(chain.steps[k], joint.tables[track].days[k][0])[0] > max(
                high for _, high in spans
            ):
                break
        return True
