"""Texts through Twilio's Messages API, by its own library."""

from __future__ import annotations

import logging
from typing import Any

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from clinic.environment import Texting
from scheduling.messages.mail import Unreachable
from scheduling.messages.sms.channel import TextRefused

SERVED_AT = "https://api.twilio.com"
TIMEOUT = 10
# What still waits in Twilio's queue by then is given up: it must not arrive in the night, nor after the visit.
VALIDITY = 30 * 60
OPTED_OUT = 21610
# About us, not about the patient: every text would meet them. Authentication, account, and the sender's number.
OUR_FAULTS = {20003, 20005, 20404, 20429, 21212, 21602, 21603, 21606, 21608, 21659, 21660, 21701, 21703, 21705}
FOR_NOW = {429, 503}
# The library's log would name the account, and the client would keep what it sent.
SILENT = logging.Logger("twilio", level=logging.CRITICAL + 1)


class TwilioChannel:
    def __init__(self, texting: Texting) -> None:
        self.sender = texting.sender
        web = WebClient(served_at=texting.served_at or SERVED_AT, timeout=TIMEOUT, logger=SILENT)
        self.client = Client(texting.account, texting.token, http_client=web)

    def send(self, *, number: str, text: str, reference: str) -> str:
        try:
            message = self.client.messages.create(
                to=number, body=text, validity_period=VALIDITY, **self.origin(), **told_back_to(reference)
            )
        except TwilioRestException as fault:
            raise meaning_of(fault) from None
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as fault:
            raise Unreachable(f"no text provider ({type(fault).__name__})", maybe_accepted=False) from None
        except requests.RequestException as fault:
            raise Unreachable(
                f"the connection broke ({type(fault).__name__})", maybe_accepted=not is_never_connected(fault)
            ) from None
        except (TwilioException, ValueError, KeyError, TypeError) as fault:
            raise Unreachable(f"an answer not understood ({type(fault).__name__})", maybe_accepted=True) from None
        if not message.sid:
            raise Unreachable("an answer not understood", maybe_accepted=True)
        return message.sid

    def origin(self) -> dict[str, Any]:
        """A number, or a Messaging Service, which picks one."""
        return {"messaging_service_sid": self.sender} if self.sender.startswith("MG") else {"from_": self.sender}


class WebClient(TwilioHttpClient):
    """The library's own client; a stand-in of Twilio is reached at another address."""

    def __init__(self, *, served_at: str, **options: Any) -> None:
        self.served_at = served_at
        super().__init__(**options)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        return super().request(method, url.replace(SERVED_AT, self.served_at, 1), *args, **kwargs)


def told_back_to(reference: str) -> dict[str, Any]:
    """Where Twilio reports what became of the text; it takes no address that is not public."""
    if not settings.PUBLIC_URL.startswith("https://"):
        return {}
    return {"status_callback": f"{settings.PUBLIC_URL}/in/sms-status/{reference}"}


def meaning_of(fault: TwilioRestException) -> Exception:
    """A refusal is about this text. What is about us, or about Twilio itself, is no reason to give the text up."""
    code = fault.code or fault.status
    if fault.status in FOR_NOW:
        return TextRefused(code, is_permanent=False)
    if fault.status in {401, 403, 404} or code in OUR_FAULTS:
        return Unreachable(f"the text provider refuses us ({code})", maybe_accepted=False)
    if 400 <= fault.status < 500:
        return TextRefused(code, is_permanent=True, has_opted_out=code == OPTED_OUT)
    return Unreachable(f"the text provider answered {fault.status}", maybe_accepted=True)


def is_never_connected(fault: requests.RequestException) -> bool:
    """Whether the failure came before anything was said: a refused connection, a name that is not found."""
    cause: BaseException | None = fault
    seen = 0
    while cause is not None and seen < 6:
        if type(cause).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}:
            return True
        reason = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause = reason if isinstance(reason, BaseException) else cause.__cause__ or cause.__context__
        seen += 1
    return False
