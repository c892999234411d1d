"""./cadence and its run and stop, as a person meets them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import localservices
from clinic.localservices.place import BASE_DIR
from clinic.single_copy import only_copy

MANAGE = [sys.executable, "manage.py"]


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """One for all, so that it is filled once (`TOGETHER` in conftest.py). Not pytest's own folder, which root's
    PostgreSQL may not enter."""
    folder = Path(tempfile.mkdtemp(prefix="cadence-run-"))
    folder.chmod(0o755)
    yield folder
    run(folder, "stop")
    shutil.rmtree(folder)


@pytest.fixture
def fresh_state() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cadence-run-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def variables(state: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return {**kept, "CADENCE_STATE_DIR": str(state), **more}


def run(state: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit status, and all that was said on standard error."""
    done = subprocess.run(
        [*MANAGE, *arguments], cwd=BASE_DIR, env=variables(state, **more), capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stderr


def processes_of(state: Path) -> list[str]:
    """Everything alive whose command line or environment names the folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            texts = [(folder / name).read_bytes() for name in ("cmdline", "environ")]
        except OSError:
            continue
        if folder.name != str(os.getpid()) and any(str(state).encode() in text for text in texts):
            found.append(texts[0].replace(b"\0", b" ").decode())
    return found


def find_child(parent: int, word: str) -> int:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, line = (folder / "stat").read_text(), (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent and word in line:
            return int(folder.name)
    raise LookupError(word)


class Running:
    """A ./cadence run in the background, started as scripts start things: with Ctrl-C ignored."""

    def __init__(self, state: Path, port: int) -> None:
        self.port = port
        self.log = state / "output"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *MANAGE, "run", "--port", str(port)],
                cwd=BASE_DIR,
                env=variables(state),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 400
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def health(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=10) as answer:
            found: dict[str, str] = json.load(answer)
            return found


def test_run_answers_when_it_says_so_and_leaves_nothing_behind(state: Path, port: int) -> None:
    first = Running(state, port)
    first.wait_for("Cadence is ready")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert (page.status, page.url) == (200, f"http://127.0.0.1:{port}/admin/login/?next=/admin/")
    logins = json.loads((state / "demo-logins.json").read_text())
    assert [login["password"] in first.said() for login in logins] == [True] * len(logins)
    assert len(logins) == 4  # as README.md promises
    assert run(state, "run", "--port", str(port)) == (
        1,
        f"Cadence already runs from this folder (process {first.process.pid}, http://127.0.0.1:{port}/): "
        "use it, or stop it with ./cadence stop.\n",
    )
    first.process.send_signal(signal.SIGINT)
    assert (first.process.wait(60), processes_of(state)) == (0, [])

    second = Running(state, port)
    second.wait_for("Cadence is ready")
    assert [login["password"] in second.said() for login in logins] == [True] * len(logins)
    stopped = subprocess.run([*MANAGE, "stop"], cwd=BASE_DIR, env=variables(state), capture_output=True, text=True)
    assert (stopped.returncode, stopped.stdout) == (0, "Stopped.\n")
    assert (second.process.wait(60), processes_of(state)) == (0, [])


def test_run_ends_as_a_whole_when_one_process_dies(state: Path, port: int) -> None:
    running = Running(state, port)
    running.wait_for("Cadence is ready")
    os.kill(find_child(running.process.pid, "worker"), signal.SIGKILL)
    assert running.process.wait(60) == 1
    assert "The worker process ended by itself (exit status -9), so everything was stopped;" in running.said()
    assert processes_of(state) == []


def test_killed_run_takes_its_processes_along(state: Path, port: int) -> None:
    running = Running(state, port)
    running.wait_for("Cadence is ready")
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + 30
    while any(re.search("gunicorn|celery", line) for line in processes_of(state)):
        assert time.monotonic() < deadline, processes_of(state)
        time.sleep(0.2)
    assert run(state, "stop") == (0, "")
    assert processes_of(state) == []


def test_taken_port_is_told_before_anything_starts(fresh_state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(fresh_state, "run", "--port", str(port)) == (
            1,
            f"Port {port} is taken or not allowed: name another one, as in ./cadence run --port {port + 1}.\n",
        )
    assert processes_of(fresh_state) == []


def test_port_that_cannot_be_is_told(fresh_state: Path) -> None:
    sentence = "Port {} is taken or not allowed: name another one, as in ./cadence run --port {}.\n"
    assert run(fresh_state, "run", "--port", "0") == (1, sentence.format(0, 1))
    assert run(fresh_state, "run", "--port", "70000") == (1, sentence.format(70000, 10001))


def test_data_of_another_version_are_told(fresh_state: Path, port: int) -> None:
    place = localservices.find_place(fresh_state)
    place.prepare()
    place.make_folder(place.pgdata)
    (place.pgdata / "PG_VERSION").write_text("12\n")
    status, said = run(fresh_state, "run", "--port", str(port))
    assert (status, said.startswith(f"{place.pgdata} was made by PostgreSQL 12,"), said.count("\n")) == (1, True, 1)


def test_second_copy_is_told_where_the_first_one_is(state: Path, port: int) -> None:
    with only_copy(localservices.find_place(state), "http://127.0.0.1:9999/"):
        assert run(state, "run", "--port", str(port)) == (
            1,
            f"Cadence already runs from this folder (process {os.getpid()}, http://127.0.0.1:9999/): "
            "use it, or stop it with ./cadence stop.\n",
        )


def test_unreachable_servers_are_told(state: Path, port: int) -> None:
    dead = {
        "DATABASE_URL": "postgresql://user:secret@127.0.0.1:1/cadence",
        "REDIS_URL": "redis://:secret@127.0.0.1:1/0",
    }
    status, said = run(state, "run", "--port", str(port), **dead)
    assert (status, said.count("\n"), "secret" in said) == (1, 1, False)
    assert said.startswith("The database at 127.0.0.1:1/cadence does not answer: ")
    status, said = run(state, "run", "--port", str(port), REDIS_URL=dead["REDIS_URL"])
    assert (status, said.count("\n"), "secret" in said) == (1, 1, False)
    assert said.startswith("The broker at 127.0.0.1:1/0 does not answer: ")
    assert processes_of(state) == []


def test_stop_with_nothing_running(state: Path) -> None:
    stopped = subprocess.run([*MANAGE, "stop"], cwd=BASE_DIR, env=variables(state), capture_output=True, text=True)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "Nothing runs from this folder.\n", "")
