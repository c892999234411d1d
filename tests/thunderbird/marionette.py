"""The little of Mozilla's remote protocol that is needed: a length, a colon, and a list in JSON over a socket."""

from __future__ import annotations

import json
import socket
import time
from typing import Any


class Marionette:
    """Drives the windows of the application itself ("chrome"), not a page in them."""

    def __init__(self, port: int, *, patience: float = 60) -> None:
        self.last = 0
        self.socket = connect(port, patience)
        self.read()  # it greets
        self.call("WebDriver:NewSession", capabilities={})
        self.call("Marionette:SetContext", value="chrome")

    def call(self, name: str, **parameters: Any) -> Any:
        self.last += 1
        message = json.dumps([0, self.last, name, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, fault, result = self.read()
        if fault:
            raise RuntimeError(f"{name}: {fault['error']}: {fault['message']}")
        return result.get("value", result) if isinstance(result, dict) else result

    def read(self) -> Any:
        size = b""
        while (mark := self.socket.recv(1)) != b":":
            if not mark:
                raise EOFError("Thunderbird has hung up.")
            size += mark
        content = b""
        while len(content) < int(size):
            content += self.socket.recv(int(size) - len(content))
        return json.loads(content)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.call("WebDriver:ExecuteScript", script=script, args=list(arguments), sandbox="system")

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """The script gets a function as its last argument, and calls it with the answer."""
        self.call("WebDriver:SetTimeouts", script=30_000)
        return self.call("WebDriver:ExecuteAsyncScript", script=script, args=list(arguments), sandbox="system")


def connect(port: int, patience: float) -> socket.socket:
    """As soon as the application listens."""
    until = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
