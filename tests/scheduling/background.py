"""A real Celery worker on the test's own database, and brokers that can be stopped and held."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import connection
from kombu import pools

from clinic import localservices
from clinic.localservices import Place, valkey

# On the test's database, and taking over a dead one's tasks within seconds, where the real one waits 15 minutes.
WORKER = """
import os
from django.conf import settings
from clinic.celery import app
settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
app.conf.broker_transport_options = {
    **app.conf.broker_transport_options, "visibility_timeout": 3, "unacked_restore_interval": 1,
}
app.worker_main(["worker", "--concurrency", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"])
"""


def wait_for(holds: Callable[[], object], *, seconds: float = 120, why: str = "it did not happen") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.05)


class Worker:
    def __init__(self, folder: Path, *, broker_url: str = "") -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.log = folder / "worker.log"
        self.mail = folder / "mail"
        environment = {
            **os.environ,
            "TEST_DATABASE": str(connection.settings_dict["NAME"]),
            "REDIS_URL": broker_url or settings.REDIS_URL,
            "EMAIL_URL": f"filemail:///{self.mail}",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WORKER],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=settings.BASE_DIR,
            )
        wait_for(lambda: "ready." in self.text(), why="the worker did not start")

    def text(self) -> str:
        return self.log.read_text()

    def mails(self) -> str:
        return "".join(path.read_text() for path in sorted(self.mail.glob("*")))

    def kill(self) -> None:
        """As the kernel does when memory runs out: the worker and its children, without a word."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running_worker(folder: Path, *, broker_url: str = "") -> Iterator[Worker]:
    worker = Worker(folder, broker_url=broker_url)
    try:
        yield worker
    finally:
        worker.kill()


class Broker:
    """A Valkey of the test's own, which it may stop, start and hold."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.url = f"unix://{place.sockets / 'valkey.sock'}"

    def start(self) -> None:
        localservices.ensure(self.place, database=False)

    def stop(self) -> None:
        valkey.stop(self.place)

    @contextmanager
    def held(self) -> Iterator[None]:
        """It takes connections, and answers nothing."""
        pid = int((self.place.valkey / "valkey.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def own_broker() -> Iterator[Broker]:
    """The application speaks to this broker instead of the test run's."""
    # Below the run's own folder, which the servers' account may enter.
    broker = Broker(localservices.find_place(settings.STATE_DIR / "own-broker"))
    broker.start()
    usual = current_app.conf.broker_url
    _point_to(broker.url.replace("unix://", "redis+socket://", 1))
    try:
        yield broker
    finally:
        _point_to(usual)
        broker.stop()
        shutil.rmtree(broker.place.state)


def _point_to(url: str) -> None:
    current_app.conf.broker_url = url
    pools.reset()
    current_app._pool = None
    current_app.amqp._producer_pool = None
