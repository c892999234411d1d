"""Web, worker and beat side by side: started together, watched, and stopped together."""

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from clinic.localservices import ServiceError
from clinic.localservices.place import BASE_DIR

PATIENCE_SECONDS = 60
LARGEST_LOG = 10_000_000


@dataclass
class Supervisor:
    """The processes of one run, each in a session of its own, so that Ctrl-C reaches only us."""

    logs: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        self.logs.mkdir(mode=0o700, exist_ok=True)
        log = self.logs / f"{name}.log"
        fresh = not log.exists() or log.stat().st_size > LARGEST_LOG
        with log.open("wb" if fresh else "ab") as output:
            self.children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def refuse_dead(self) -> None:
        for name, child in self.children.items():
            if child.poll() is not None:
                raise ServiceError(
                    f"The {name} process ended by itself (exit status {child.returncode}), so everything was stopped; "
                    f"its log is {self.logs / f'{name}.log'}."
                )

    def wait_until_answering(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(port):
            self.refuse_dead()
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"No page came within {PATIENCE_SECONDS} seconds; the log is {self.logs / 'web.log'}."
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """Politely, then with Celery's own way of handing unfinished tasks back, then without asking."""
        for number, patience in ((signal.SIGTERM, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            for child in reversed(self.children.values()):
                if child.poll() is None:
                    send(child, number)
            deadline = time.monotonic() + patience
            for child in self.children.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(max(deadline - time.monotonic(), 0.01))
            if all(child.poll() is not None for child in self.children.values()):
                return


def send(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)


def die_with_parent() -> None:
    """Linux tells the child when whoever watches over it is killed outright."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


class StopAsked(KeyboardInterrupt):
    """Ctrl-C, a polite kill, or a closed terminal."""


class StopSignals:
    """Turns the first of these signals into StopAsked, but never in the middle of something that must be whole."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.asked = False
        self.deferred = False
        # By hand, also SIGINT: a script that starts us with & has it ignored, and Python then leaves it so.
        for number in self.NUMBERS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup asks
                signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if not self.asked and not self.deferred:
            self.asked = True
            raise StopAsked
        self.asked = True

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        self.deferred = True
        yield
        self.deferred = False
        if self.asked:
            raise StopAsked


def answers(port: int) -> bool:
    """Whether the sign-in page comes back."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", "/admin/login/", headers={"Host": "localhost"})
        return link.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
