"""Takes in one mail: reads it, does what it asks for, and keeps that it was here; asked twice, once."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime

from django.db import OperationalError, transaction

from scheduling.models import Inbound, InboundSource
from scheduling.replies.answering import take_reply
from scheduling.replies.bounces import take_bounce
from scheduling.replies.mail import Bounce, CalendarReply, Left, Mail
from scheduling.replies.reading import read_mail
from scheduling.replies.taken import LEFT_ALONE, Taken

log = logging.getLogger(__name__)


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def take_in(raw: bytes, *, source: InboundSource, key: str, now: datetime) -> Inbound:
    """One transaction: either the mail was here and had its effect, or neither."""
    known = Inbound.objects.filter(key=key).first()
    if known is not None:
        return known
    try:
        mail = read_mail(raw)
        with transaction.atomic():
            return keep(act_on(mail, now=now), source=source, key=key, now=now)
    except OperationalError:
        raise  # the database is away or busy: it is tried again
    # One mail with a fault, or one that takes up all the time of a task, must not hold up the others for ever, nor show
    # what it says.
    except Exception as fault:
        log.error("A mail could not be taken in: %s", type(fault).__name__)
        return keep(Taken(LEFT_ALONE, f"fault {type(fault).__name__}"), source=source, key=key, now=now)


def act_on(mail: Mail, *, now: datetime) -> Taken:
    match mail:
        case CalendarReply():
            return take_reply(mail, now=now)
        case Bounce():
            return take_bounce(mail, now=now)
        case Left():
            return Taken(LEFT_ALONE, str(mail))


def keep(taken: Taken, *, source: InboundSource, key: str, now: datetime) -> Inbound:
    """Two that take in the same mail at once: the later one waits here, and finds its answers already given."""
    values = {
        "source": source,
        "kind": taken.kind,
        "outcome": taken.outcome,
        "patient": taken.patient,
        "session": taken.session,
        "notice": taken.notice,
        "received_at": now,
    }
    return Inbound.objects.get_or_create(key=key, defaults=values)[0]
