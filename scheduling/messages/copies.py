"""Keeps each message as it was handed over, for staff to read; its links are cut, or they could act for the patient."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from django.conf import settings

from scheduling.messages.letters import Letter
from scheduling.messages.tokens import LENGTH
from scheduling.models import Notice, NoticeCopy

SHOWN = 4  # of a token's characters


def write_copies(letters: Iterable[tuple[Notice, Letter]], *, now: datetime) -> None:
    """Before they are handed over. What another attempt says under the same Message-ID takes the place of this."""
    NoticeCopy.objects.bulk_create(
        [copy_of(notice, letter, now) for notice, letter in letters],
        update_conflicts=True,
        unique_fields=["notice", "message_id"],
        update_fields=["recipient", "subject", "text", "event", "written_at"],
    )


def copy_of(notice: Notice, letter: Letter, now: datetime) -> NoticeCopy:
    return NoticeCopy(
        notice=notice,
        message_id=notice.message_id,
        recipient=letter.recipient,
        subject=letter.subject[:250],
        text=cut_links(letter.text),
        event=cut_links(letter.event.decode()),
        written_at=now,
    )


def cut_links(text: str) -> str:
    """Links of this installation, with the beginning of their token alone."""
    return link_pattern(settings.PUBLIC_URL).sub(lambda link: f"{link[1]}{unfold(link[2])[:SHOWN]}…", text)


@lru_cache(maxsize=2)
def link_pattern(public_url: str) -> re.Pattern[str]:
    """Under whatever scheme. An event folds long lines, within a link as well."""
    fold = r"(?:\r\n )?"
    address = fold.join(re.escape(mark) for mark in f"{public_url.partition('//')[2]}/")
    token = fold.join([r"[\w-]"] * LENGTH)
    return re.compile(rf"({address}{fold}[vf]{fold}/{fold})({token})")


def unfold(text: str) -> str:
    return text.replace("\r\n ", "")


def forget_copies(notice: Notice) -> None:
    """Of what was written down and then not handed over after all."""
    NoticeCopy.objects.filter(notice=notice).delete()
