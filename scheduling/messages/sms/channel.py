"""What every way of sending a text has in common; `SMS_URL` says which one it is."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings

from clinic.environment import Texting, read_texting
from scheduling.messages.mail import Refused, Undelivered


class TextRefused(Refused):
    """The provider does not take this text: for now, or for good. `has_opted_out`, as it was told STOP itself."""

    def __init__(self, code: int | str, *, is_permanent: bool, has_opted_out: bool = False) -> None:
        self.is_permanent, self.has_opted_out = is_permanent, has_opted_out
        Undelivered.__init__(self, f"the text provider answered {code}")


class TextChannel(Protocol):
    def send(self, *, number: str, text: str, reference: str) -> str:
        """Hand over one text; the answer is the provider's name for it. `reference` comes back with its fate.

        Raises `TextRefused`, or `mail.Unreachable`, which says whether the text may have been accepted.
        """
        ...


def is_configured() -> bool:
    return bool(settings.SMS_URL)


def find_texting() -> Texting | None:
    return read_texting(settings.SMS_URL)


def open_channel() -> TextChannel:
    from scheduling.messages.sms.file_channel import FileChannel
    from scheduling.messages.sms.twilio_channel import TwilioChannel  # takes a second to import, and seldom needed

    texting = find_texting()
    if texting is None:
        raise LookupError("SMS_URL is not set.")
    return FileChannel(texting.folder) if texting.folder else TwilioChannel(texting)
