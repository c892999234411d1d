"""A subscribed calendar of 200 events over real HTTP: polled unchanged, and changed under 20 clients at once.

    .venv/bin/python benchmarks/feed.py

A database of its own, as durable as an installation's, and gunicorn as in the Dockerfile: 3 processes of 4 threads.
Printed: the server's and the client's time of a 304, and how often a change was rendered.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "clinic.settings"

from clinic import localservices  # noqa: E402

EVENTS, POLLS, CLIENTS, CHANGES = 200, 1000, 20, 10
Answer = tuple[int, str]


@contextmanager
def own_database(folder: Path) -> Iterator[None]:
    os.environ["CADENCE_STATE_DIR"] = str(folder)
    place = localservices.find_place()
    localservices.ensure(place, broker=False, durable=True)
    try:
        yield
    finally:
        localservices.stop(place)


@contextmanager
def web_server(log: Path) -> Iterator[int]:
    log.touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    gunicorn = [sys.executable, "-m", "gunicorn", "benchmarks.feed_wsgi", "--preload", "--bind", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        [*gunicorn, "--workers", "3", "--threads", "4", "--no-control-socket", "--log-level", "error"],
        cwd=ROOT,
        env={**os.environ, "CADENCE_BENCHMARK_LOG": str(log)},
    )
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("gunicorn did not start")


def fill() -> str:
    """One patient, 200 visits, 60 of them past; the path of their calendar."""
    from django.utils import timezone

    from scheduling import feeds
    from scheduling.messages.subscriptions import address_of
    from tests import factories
    from tests.scheduling.messages import cast

    now = timezone.now()
    patient = factories.make_patient(site=factories.make_site())
    starts = [now.replace(hour=15) + timedelta(days=day - 60) for day in range(EVENTS)]
    cast.make_course(patient, starts, now=now - timedelta(days=70))
    return "/f/" + address_of(feeds.open_feed(patient, now=now)).rpartition("/")[2]


def change(number: int) -> None:
    from django.utils import timezone

    from scheduling.models import Session
    from tests.scheduling.messages import cast

    session = Session.objects.order_by("-start")[number]
    span = cast.span(session.start + timedelta(hours=1), minutes=45, timezone=session.timezone)
    cast.change(session, now=timezone.now(), **span)


def poll(connection: http.client.HTTPConnection, path: str, etag: str) -> Answer:
    connection.request("GET", path, headers={"If-None-Match": etag})
    response = connection.getresponse()
    response.read()
    return response.status, response.headers["ETag"]


def poll_unchanged(port: int, path: str, etag: str, clients: int) -> list[float]:
    """Milliseconds of each poll, as the clients see them."""

    def run(_: int) -> list[float]:
        connection, times = http.client.HTTPConnection("127.0.0.1", port), []
        for _poll in range(POLLS // clients):
            began = time.perf_counter()
            status, _etag = poll(connection, path, etag)
            times.append(1000 * (time.perf_counter() - began))
            assert status == 304, status
        connection.close()
        return times

    with ThreadPoolExecutor(clients) as pool:
        return [each for times in pool.map(run, range(clients)) for each in times]


def poll_changed(port: int, path: str, etag: str) -> str:
    """All clients at once; they must agree on what they got."""
    start = Barrier(CLIENTS)

    def run(_: int) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
        start.wait()
        answer = poll(connection, path, etag)
        connection.close()
        return answer

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = set(pool.map(run, range(CLIENTS)))
    [(status, new)] = answers
    assert status == 200 and new != etag, answers
    return new


def read_log(log: Path, name: str) -> list[float]:
    lines = [line.split() for line in log.read_text().splitlines()]
    log.write_text("")
    return [float(number) for word, number in lines if word == name]


def figures(times: list[float]) -> str:
    return f"median {statistics.median(times):.1f} ms, p95 {statistics.quantiles(times, n=20)[-1]:.1f} ms"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cadence-feed-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with own_database(folder):
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            path = fill()
            with web_server(folder / "log") as port:
                measure(port, path, folder / "log")


def measure(port: int, path: str, log: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    status, etag = poll(connection, path, '"none"')
    assert status == 200
    poll_unchanged(port, path, etag, CLIENTS)  # every thread has its connection to the database now
    log.write_text("")
    for clients in (1, CLIENTS):
        seen = poll_unchanged(port, path, etag, clients)
        text = log.read_text()
        assert "render" not in text, "an unchanged feed was rendered"
        served = read_log(log, "request")
        print(f"unchanged, {EVENTS} events, {clients} clients, {len(seen)} polls, all 304, rendered 0 times:")
        print(f"  server {figures(served)}; client {figures(seen)}")
    renders = []
    for number in range(CHANGES):
        change(number)
        etag = poll_changed(port, path, etag)
        renders += read_log(log, "render")
    print(f"{CHANGES} changes, each asked for by {CLIENTS} clients at once: rendered {len(renders)} times")
    print(f"  a rendering took {figures(renders)}")
    assert len(renders) == CHANGES


if __name__ == "__main__":
    main()
