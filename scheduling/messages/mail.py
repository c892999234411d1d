"""From a letter to the mail server, over one connection, and what its answers mean."""

from __future__ import annotations

import smtplib
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from types import TracebackType

from django.core.mail import EmailMultiAlternatives, get_connection

from clinic.models import Site
from scheduling.messages.letters import Letter
from scheduling.messages.sender import sender_line

CLOSING = 421  # RFC 5321 3.8: the server is about to close the connection


class Undelivered(Exception):
    """The message was not accepted, or not surely. Its text is safe to keep: a number or a class name, no address."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Refused(Undelivered):
    """The server does not take this message."""

    def __init__(self, code: int) -> None:
        self.is_permanent = 500 <= code < 600
        super().__init__(f"the mail server answered {code}")


class Unreachable(Undelivered):
    """The server could not be used at all. With `maybe_accepted` it broke off after the message was handed over."""

    def __init__(self, reason: str, *, maybe_accepted: bool) -> None:
        self.maybe_accepted = maybe_accepted
        super().__init__(reason)


class PostOffice:
    """One connection for a batch, opened when first needed and again after it broke."""

    def __init__(self) -> None:
        self.connection = get_connection()

    def __enter__(self) -> PostOffice:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()

    def send(self, message: EmailMultiAlternatives) -> None:
        self.open()
        try:
            self.connection.send_messages([message])
        except smtplib.SMTPRecipientsRefused as fault:
            code = next(iter(fault.recipients.values()))[0]
            if code == CLOSING:
                self.drop()
            raise Refused(code) from None
        except smtplib.SMTPSenderRefused as fault:
            self.drop()
            raise Unreachable(f"the mail server refuses the sender ({fault.smtp_code})", maybe_accepted=False) from None
        except smtplib.SMTPResponseException as fault:
            self.drop()
            if fault.smtp_code == CLOSING or fault.smtp_code < 0:
                raise Unreachable("the mail server is closing", maybe_accepted=False) from None
            raise Refused(fault.smtp_code) from None
        except OSError as fault:  # SMTPException is one too: a connection lost, a silence too long
            self.drop()
            raise Unreachable(f"the connection broke ({type(fault).__name__})", maybe_accepted=True) from None

    def open(self) -> None:
        try:
            self.connection.open()
        except OSError as fault:
            self.hang_up()
            self.connection = get_connection()
            raise Unreachable(f"no mail server ({type(fault).__name__})", maybe_accepted=False) from None

    def hang_up(self) -> None:
        with suppress(OSError):
            self.connection.close()

    def drop(self) -> None:
        """Leave a connection in an unknown state without another word, which might wait for a silent server."""
        server = getattr(self.connection, "connection", None)
        if isinstance(server, smtplib.SMTP):
            server.close()
        self.connection = get_connection()


def build_mail(letter: Letter, *, site: Site, message_id: str, now: datetime) -> EmailMultiAlternatives:
    """RFC 6047: plain text, HTML, and the event last, its method repeated in the Content-Type."""
    mail = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        from_email=sender_line(site),
        to=[letter.recipient],
        headers={
            "Date": format_datetime(now),
            "Message-ID": message_id,
            # Some relays (Amazon SES) put a Message-ID of their own in its place; a returned message is known by this.
            "X-Cadence-Message-ID": message_id,
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(letter.html, "text/html")
    if letter.method is not None:
        mail.attach_alternative(letter.event.decode(), f"text/calendar; method={letter.method}")
    return mail
