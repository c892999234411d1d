"""A real SMTP server that counts what it accepts, and can misbehave at a named point."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """`accepted` counts messages by Message-ID, as they reach a mailbox.

    `at` says what happens at MAIL, RCPT or DATA (the whole message is there): an answer of the server; `drop` the
    connection; `stall` longer than any client waits; `lose`, accept it and then drop the connection; or `kill` the
    process named in `victim` and accept. It happens once, after `skip` times without, unless it is `lasting`.
    """

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.recipients: list[str] = []
        self.peers: set[Any] = set()
        self.at: dict[str, str] = {}
        self.lasting = False
        self.skip = 0
        self.victim = 0
        self.pace = 0.0

    def action(self, point: str) -> str:
        if point not in self.at:
            return ""
        if self.skip:
            self.skip -= 1
            return ""
        return self.at[point] if self.lasting else self.at.pop(point)

    async def act(self, action: str, server: SMTP) -> str:
        """The server's answer to a misfortune."""
        if action == "kill":
            os.kill(self.victim, signal.SIGKILL)
            return "250 OK"
        if action == "stall":
            await asyncio.sleep(30)
        if action in {"drop", "lose"}:
            cast(asyncio.Transport, server.transport).abort()
            return "250 OK"
        return action or "250 OK"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.peers.add(session.peer)
        envelope.mail_from = address
        return await self.act(self.action("MAIL"), server)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = await self.act(self.action("RCPT"), server)
        if answer == "250 OK":
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.pace)
        action = self.action("DATA")
        if action in {"", "lose"} or action.startswith("kill"):
            self.accept(session, envelope)
        return await self.act(action, server)

    def accept(self, session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.original_content or b"")
        message_id = str(message["Message-ID"])
        self.accepted[message_id] += 1
        self.recipients += envelope.rcpt_tos
        return message_id


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_sink(settings: Any, sink: Sink | None = None) -> Iterator[Sink]:
    """The sink on a free port, and Django's mail settings pointing at it."""
    sink = sink or Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port(), ready_timeout=30)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    try:
        yield sink
    finally:
        controller.stop()
