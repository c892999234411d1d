"""How a library file sets reminders: on days and at a time of its own. A habit of clinics, so it has no source."""

from __future__ import annotations

from datetime import time
from typing import Any

from protocols.node import Node

MOST_DAYS = 30


def read_reminders(root: Node) -> dict[str, Any]:
    """`reminders: {days: [3, 1], time: "09:00"}`, one of the two at least; what is left out is as the site has it."""
    if root.take("reminders") is None:
        return {}
    node = root.child("reminders", root.content["reminders"])
    found: dict[str, Any] = {}
    if node.has("days"):
        found["reminder_days"] = read_days(node)
    if node.has("time"):
        found["reminder_time"] = read_time(node)
    node.finish()
    if not found:
        raise node.fault("", "must name days, a time or both")
    return found


def read_days(node: Node) -> list[int]:
    days = node.need("days")
    good = isinstance(days, list) and days and all(type(day) is int and 1 <= day <= MOST_DAYS for day in days)
    if not good or len(set(days)) != len(days):
        raise node.fault("days", f"must list different days from 1 to {MOST_DAYS} before a visit, not {days!r}")
    return sorted(days, reverse=True)


def read_time(node: Node) -> time:
    text = node.text("time")
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise node.fault("time", f'must be a time such as "09:00", not {text!r}') from None
