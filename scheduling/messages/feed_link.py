"""The mail that brings a patient the address of their own calendar, and the lines of it in the list of a course."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from scheduling.messages.composed import Composed, Later, NotNeeded
from scheduling.messages.letters import render_letter, write_calendar_letter
from scheduling.messages.papers import Papers
from scheduling.messages.sender import one_line
from scheduling.messages.subscriptions import (
    NEXT_LOOK,
    address_of,
    webcal_address_of,
)
from scheduling.messages.told import may_stand_at
from scheduling.models import CalendarFeed, Notice, Session


def compose_feed_link(notice: Notice, papers: Papers, now: datetime) -> Composed:
    """Not before the invites are called off: the appointments would stand in the calendar twice."""
    patient, site = notice.patient, notice.course.site
    addresses = feed_addresses(papers.feed_of(patient))
    if not addresses:
        return NotNeeded("skipped: the patient has no calendar to subscribe to")
    recipient = papers.reachable_address(patient)
    if not recipient:
        return NotNeeded("skipped: the patient has no address that takes mail")
    if papers.is_in_two_calendars(patient):
        return Later(now + NEXT_LOOK)
    return render_letter(
        [],
        patient=patient,
        site=site,
        recipient=recipient,
        template="feed_link",
        subject=_("Your calendar at %(clinic)s") % {"clinic": one_line(site.public_name)},
        facts=f"feed {notice.key}",
        **addresses,
    )


def take_back(notice: Notice, session: Session, now: datetime) -> Composed:
    """No invite for who has a calendar to subscribe to, and none left behind where one may have arrived unrecorded."""
    recipient = may_stand_at(notice, session)
    if not recipient:
        return NotNeeded("skipped: the patient has a calendar to subscribe to")
    sequence = max(session.sequence, notice.sequence or 0) + 1
    letter = write_calendar_letter(session, "CANCEL", recipient, now, sequence=sequence, is_withdrawal=True)
    return replace(letter, told=())


def feed_addresses(feed: CalendarFeed | None) -> dict[str, Any]:
    """For a template; empty for who gets invites or paper."""
    if feed is None:
        return {}
    return {"feed_address": address_of(feed), "feed_webcal": webcal_address_of(feed)}
