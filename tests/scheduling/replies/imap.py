"""A real IMAP server (pymap) with one mailbox in memory, and a wire to it that can be cut or garbled."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from imapclient import IMAPClient

from tests.scheduling.messages.sink import free_port

USER, PASSWORD = "front@clinic.example", "pass/word"
STARTS_WITHIN = 30
END_OF_ANSWER = re.compile(rb"\r\n\w+ (OK|NO|BAD) [^\r\n]*\r\n\Z")


class Mailbox:
    """The server, and what a person would see in the folder."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return address_of(self.port)

    @contextmanager
    def look(self) -> Iterator[IMAPClient]:
        with IMAPClient("127.0.0.1", port=self.port, ssl=False, timeout=10) as client:
            client.login(USER, PASSWORD)
            client.select_folder("INBOX")
            yield client

    def put(self, *mails: bytes) -> None:
        with self.look() as client:
            for mail in mails:
                client.append("INBOX", mail)

    def seen(self) -> list[bool]:
        """Of each message, in the order they came."""
        with self.look() as client:
            flags = client.get_flags(client.search("ALL"))
            return [b"\\Seen" in flags[uid] for uid in sorted(flags)]

    def read_all(self) -> None:
        """What a person does who opens every mail."""
        with self.look() as client:
            client.add_flags(client.search("ALL"), [b"\\Seen"])


def address_of(port: int) -> str:
    return f"imap://front%40clinic.example:pass%2Fword@127.0.0.1:{port}/INBOX"


@contextmanager
def run_mailbox() -> Iterator[Mailbox]:
    port = free_port()
    command = [
        sys.executable, "-c", "from pymap.main import main; main()", "--host", "127.0.0.1", "--port", str(port),
        "dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD,
    ]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        mailbox = Mailbox(port)
        with mailbox.look() as client:  # it comes with mails of its own
            client.delete_messages(client.search("ALL"))
            client.expunge()
        yield mailbox
    finally:
        server.terminate()
        server.wait(10)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < ends and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("The IMAP server did not start.")


def is_whole(answer: bytes) -> bool:
    """A server may send a line in pieces, and a message in many."""
    return answer.endswith(b"\r\n") and (b" FETCH (" not in answer or END_OF_ANSWER.search(answer) is not None)


class Wire:
    """Carries bytes to the server and back, and is cut after so many bytes of its answers.

    With `garble`, a pattern and what to put in its place, answers say what a server with a fault would say.
    """

    def __init__(self, port: int, *, cut_after: int, garble: tuple[bytes, bytes] | None = None) -> None:
        self.server_port, self.left, self.garble = port, cut_after, garble
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self.carry_all, daemon=True).start()

    def carry_all(self) -> None:
        with suppress(OSError):
            while True:
                here, _address = self.listener.accept()
                there = socket.create_connection(("127.0.0.1", self.server_port), 5)
                threading.Thread(target=self.carry, args=(here, there, False), daemon=True).start()
                threading.Thread(target=self.carry, args=(there, here, True), daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        held = b""
        with suppress(OSError), source, target:
            while content := source.recv(4096):
                if is_answer:
                    held += content
                    if self.garble and not is_whole(held):
                        continue
                    content, held = re.sub(*self.garble, held, flags=re.S) if self.garble else held, b""
                    content, self.left = content[: self.left], self.left - len(content)
                target.sendall(content)
                if self.left <= 0:
                    for end in (source, target):
                        with suppress(OSError):
                            end.shutdown(socket.SHUT_RDWR)
                    return

    def close(self) -> None:
        self.listener.close()


@contextmanager
def run_wire(port: int, *, cut_after: int = 10**9, garble: tuple[bytes, bytes] | None = None) -> Iterator[Wire]:
    wire = Wire(port, cut_after=cut_after, garble=garble)
    try:
        yield wire
    finally:
        wire.close()
