"""What Twilio sends us: whether it is from Twilio, and how to answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from clinic.environment import Texting


def is_signed(texting: Texting, *, path: str, fields: Any, signature: str) -> bool:
    """The signature covers the address, as patients and Twilio know it, and every field."""
    return bool(RequestValidator(texting.token).validate(f"{settings.PUBLIC_URL}{path}", fields, signature))


def write_reply(text: str) -> str:
    """The answer to an incoming text; without a text Twilio sends nothing."""
    response = MessagingResponse()
    if text:
        response.message(text)
    return str(response)
