"""A test run on several cores: what one worker does to its servers, no other notices; and nothing is left behind."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from clinic.localservices.place import BASE_DIR
from clinic.pytest_services import MOST_WORKERS, pytest_xdist_auto_num_workers
from tests.test_command import processes_of

# Each of two workers takes one, stays until both are there, empties its broker, and finds one database of its own.
RUN = """
import os, time
from pathlib import Path

import psycopg, pytest, redis
from django.conf import settings

@pytest.mark.parametrize("number", [1, 2])
def test_where_it_runs(number):
    here = Path(__file__).parent
    broker = redis.from_url(settings.REDIS_URL)
    broker.set("number", number)
    (here / f"{number}.folder").write_text(str(settings.STATE_DIR))
    ends = time.monotonic() + 120
    while len(list(here.glob("*.folder"))) < 2:
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert broker.get("number") == str(number).encode()
    with psycopg.connect(host=settings.DATABASES["default"]["HOST"], user="postgres", dbname="cadence") as connection:
        connection.execute("create table ours ()")
        [(data,)] = connection.execute("show data_directory")
    assert data == str(settings.STATE_DIR / "pgdata")
"""


def test_each_worker_has_servers_of_its_own_and_they_end_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_run.py").write_text(RUN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    for name in ("DATABASE_URL", "REDIS_URL"):
        kept.pop(name, None)
    options = ["-q", "-n", "2", "-c", str(BASE_DIR / "pyproject.toml"), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_run.py")]
    done = subprocess.run(
        command, cwd=BASE_DIR, env={**kept, "PYTHONPATH": str(BASE_DIR)}, capture_output=True, text=True, timeout=400
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    one, two = (Path((tmp_path / f"{number}.folder").read_text()) for number in (1, 2))
    assert (one.parent == two.parent, {one.name, two.name}) == (True, {"gw0", "gw1"})
    assert one.parent.parent == Path(tempfile.gettempdir())
    assert not one.parent.exists()
    assert processes_of(one.parent) == []


@pytest.mark.parametrize(
    ("cores", "broker", "workers"), [(1, "", 0), (2, "", 2), (64, "", MOST_WORKERS), (2, "redis://broker.example/0", 0)]
)
def test_workers_are_as_many_as_cores_unless_they_would_share_a_broker(
    monkeypatch: pytest.MonkeyPatch, cores: int, broker: str, workers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)), raising=False)
    monkeypatch.setenv("REDIS_URL", broker)
    assert pytest_xdist_auto_num_workers() == workers
