"""One copy of Cadence runs from one folder, on one port."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

from clinic.localservices import Place, ServiceError


@contextlib.contextmanager
def only_copy(place: Place, address: str) -> Iterator[None]:
    """Hold the lock of this folder for as long as Cadence runs from it."""
    place.prepare()
    with (place.state / "run.lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            pid, _, where = handle.read().partition(" ")
            raise ServiceError(
                f"Cadence already runs from this folder (process {pid}, {where}): "
                "use it, or stop it with ./cadence stop."
            ) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()} {address}")
        handle.flush()
        yield


def find_running(place: Place) -> int | None:
    """The process that holds the lock of this folder."""
    lock = place.state / "run.lock"
    if not lock.exists():
        return None
    with lock.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            # Empty for the moment between taking the lock and signing it.
            return int(handle.read().partition(" ")[0] or 0) or None
    return None


def refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        # As gunicorn does: a port that only waits out its last connections is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or -1))
        except (OSError, OverflowError):
            raise ServiceError(
                f"Port {port} is taken or not allowed: name another one, as in ./cadence run --port {port % 60000 + 1}."
            ) from None
