"""A stand-in of Twilio: an HTTP server that takes texts as its Messages API does, and can misbehave."""

from __future__ import annotations

import json
import os
import signal
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "secret token", "+12125550199"


class StandIn:
    """`accepted` holds the fields of every text taken.

    `answer` says what happens to the next ones: an HTTP status with a code of Twilio's; `lose`, take it and drop the
    connection; `drop` it before; `garbage`, take it and answer what nobody understands; `stall`, take it and be silent;
    `kill` the process named in `victim` and take it. It happens once, after `skip` times without.
    """

    def __init__(self) -> None:
        self.accepted: list[dict[str, str]] = []
        self.answer: str | tuple[int, int] | None = None
        self.skip = 0
        self.victim = 0
        self.port = 0
        self.over = Event()

    @property
    def url(self) -> str:
        return f"twilio://{ACCOUNT}:{TOKEN.replace(' ', '%20')}@127.0.0.1:{self.port}?from={SENDER}"

    def take_answer(self) -> str | tuple[int, int] | None:
        if self.skip:
            self.skip -= 1
            return None
        answer, self.answer = self.answer, None
        return answer

    def accept(self, fields: dict[str, str]) -> dict[str, Any]:
        self.accepted.append(fields)
        return {"sid": f"SM{len(self.accepted):032x}", "status": "queued", "num_segments": "1"}


def make_handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            return

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            fields = {name: values[0] for name, values in parse_qs(content, strict_parsing=True).items()}
            if self.path != f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json":
                return self.reply(404, {"code": 20404, "message": "not found", "status": 404})
            if self.headers["Authorization"] != "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode():
                return self.reply(401, {"code": 20003, "message": "Authenticate", "status": 401})
            return self.act(stand_in.take_answer(), fields)

        def act(self, answer: str | tuple[int, int] | None, fields: dict[str, str]) -> None:
            match answer:
                case (status, code):
                    return self.reply(status, {"code": code, "message": "no", "status": status})
                case "drop":
                    return self.connection.close()
            message = stand_in.accept(fields)
            match answer:
                case "lose":
                    return self.connection.close()
                case "stall":
                    stand_in.over.wait(30)
                    return self.connection.close()
                case "garbage":
                    return self.write(201, b"<html>It works!</html>")
                case "kill":
                    os.kill(stand_in.victim, signal.SIGKILL)
            return self.reply(201, message)

        def reply(self, status: int, content: dict[str, Any]) -> None:
            self.write(status, json.dumps(content).encode())

        def write(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def run_stand_in(settings: Any) -> Iterator[StandIn]:
    """On a free port, with SMS_URL pointing at it."""
    stand_in = StandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(stand_in))
    server.daemon_threads = True
    stand_in.port = server.server_port
    settings.SMS_URL = stand_in.url
    settings.PUBLIC_URL = "https://clinic.example"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
