"""A mail server with every misfortune, and real Celery workers and beats that live through it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import connection

from tests.scheduling.messages.sink import Sink

# The same code with shorter waits, and each worker telling the server its process id as the name of its host.
COMMON = """
import os
from datetime import timedelta
from celery import signals
from django.conf import settings
from clinic.celery import app
settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
settings.EMAIL_TIMEOUT = 1

@signals.worker_process_init.connect(weak=False)
def shorten_waits(**kwargs):
    from django.core.mail.utils import DNS_NAME
    from scheduling.messages import claiming, delivery, outcomes
    DNS_NAME._fqdn = f"worker-{os.getpid()}"
    claiming.LEASE, delivery.LATEST_START = timedelta(seconds=4), timedelta(seconds=2)
    outcomes.FIRST_PAUSE, outcomes.LONGEST_PAUSE = timedelta(seconds=1), timedelta(seconds=2)

notices = {"task": "scheduling.tasks.deliver_notices", "schedule": 1, "options": {"expires": 2}}
app.conf.beat_schedule = {"notices": notices}
"""
WORKER = f"""{COMMON}
app.worker_main(["worker", "--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"])
"""
BEAT = f"""{COMMON}
import sys
app.start(["beat", "--loglevel", "INFO", "--pidfile=", "--schedule", sys.argv[1]])
"""

POINTS = ("MAIL", "RCPT", "DATA")
MISFORTUNES = [
    (point, action)
    for point in POINTS
    for action, times in (("drop", 3), ("stall", 1), ("421 closing", 2), ("450 later", 3), ("kill", 3))
    for _ in range(times)
] + [("DATA", "lose")] * 4 + [("DATA", "kill after")] * 8  # fmt: skip
EVERY = 10  # one message in so many meets with one, while there are any


class StormySink(Sink):
    """Knows which messages it has accepted without seeing that the sender knows: the next command would tell."""

    def __init__(self) -> None:
        super().__init__()
        self.random = Random(4)
        self.waiting = list(MISFORTUNES)
        self.random.shuffle(self.waiting)
        self.met: Counter[tuple[str, str]] = Counter()
        self.unconfirmed: Counter[str] = Counter()
        self.last_of: dict[Any, str] = {}

    def action(self, point: str) -> str:
        if not self.waiting or self.random.randrange(EVERY) or self.waiting[-1][0] != point:
            return ""
        self.met[self.waiting[-1]] += 1
        return self.waiting.pop()[1]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.confirm(session)
        return await super().handle_MAIL(server, session, envelope, address, options)

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.confirm(session)
        return "221 Bye"

    def accept(self, session: Session, envelope: Envelope) -> str:
        message_id = super().accept(session, envelope)
        self.unconfirmed[message_id] += 1
        self.last_of[session.peer] = message_id
        return message_id

    async def act(self, action: str, server: SMTP) -> str:
        if not action.startswith("kill"):
            return await super().act(action, server)
        victim = int(str(server.session and server.session.host_name).rpartition("-")[2])
        asyncio.get_running_loop().call_later(self.random.random() * 0.01 * ("after" in action), kill, victim)
        return "250 OK"

    def confirm(self, session: Session) -> None:
        message_id = self.last_of.pop(session.peer, None)
        if message_id is not None:
            self.unconfirmed[message_id] -= 1

    @property
    def in_the_window(self) -> Counter[str]:
        """Accepted, and the sender never heard of again on that connection; by Message-ID."""
        return +self.unconfirmed


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Process:
    """A worker or a beat of its own, on the test's database, the given broker and the sink."""

    def __init__(self, script: str, *arguments: str, log: Path, broker_url: str, port: int) -> None:
        self.log = log
        environment = {
            **os.environ,
            "TEST_DATABASE": str(connection.settings_dict["NAME"]),
            "REDIS_URL": broker_url,
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        }
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script, *arguments],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=settings.BASE_DIR,
            )

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
