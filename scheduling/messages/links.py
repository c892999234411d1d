"""The address of a patient's own page for one session: one link for each state of the session, dead at its start."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from scheduling.messages.tokens import derive_token, digest_of
from scheduling.messages.told import event_uid
from scheduling.models import PatientLink, Session

PURPOSE = "visit"


def link_to(session: Session, *, now: datetime) -> str:
    return open_links([session], now=now)[session.pk]


def open_links(sessions: Iterable[Session], *, now: datetime) -> dict[int, str]:
    """The address for each session as it stands, in one query; asked twice, the same.

    After a change of the installation's key, and after a withdrawal, the row keeps the digest of the newer token.
    """
    tokens = {session: derive_token(PURPOSE, f"{event_uid(session)}:{session.sequence}") for session in sessions}
    rows = [
        PatientLink(
            session=session,
            patient_id=session.patient_id,
            sequence=session.sequence,
            digest=digest_of(token),
            created_at=now,
            expires_at=session.start,
        )
        for session, token in tokens.items()
    ]
    PatientLink.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["session", "sequence", "patient"],
        update_fields=["digest", "expires_at"],
    )
    return {session.pk: address_of(token) for session, token in tokens.items()}


def close_links(sessions: Iterable[Session], *, now: datetime) -> None:
    """Those that went to an address which is not the patient's any more."""
    PatientLink.objects.filter(session__in=list(sessions), expires_at__gt=now).update(expires_at=now)


def address_of(token: str) -> str:
    return f"{settings.PUBLIC_URL}/v/{token}"


def find_link(token: str) -> PatientLink | None:
    """Whatever its state; `scheduling.patient` decides whether it still opens anything."""
    related = (
        "session__announcement",
        "session__site",
        "session__visit_type",
        "session__track",
        "session__course",
        "patient__home_site",
    )
    return PatientLink.objects.select_related(*related).filter(digest=digest_of(token)).first()
