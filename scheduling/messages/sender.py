"""Who a message comes from: the site's own mailbox, which is also the organizer of its invites (RFC 6047)."""

from __future__ import annotations

from email.utils import formataddr, parseaddr

from django.conf import settings

from clinic.models import Site


def sender_address(site: Site) -> str:
    return site.email or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def sender_line(site: Site) -> str:
    return formataddr((one_line(site.public_name), sender_address(site)))


def one_line(text: str) -> str:
    """Without line breaks and control characters, which would end a header early."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
