"""An SMTP server that accepts everything and counts it: no more than delivery needs to be measured against.

    python3 benchmarks/smtp_sink.py        # prints its port; at the end of its input, what it accepted and when

It keeps no message, only when each Message-ID was accepted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

END = b"\r\n.\r\n"
ANSWERS = {b"EHLO": b"250-sink\r\n250-SIZE\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}


class Mailbox(asyncio.Protocol):
    accepted: dict[str, float] = {}
    count = size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.in_data = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.take_message() if self.in_data else self.take_line():
            pass

    def take_line(self) -> bool:
        line, found, rest = self.buffer.partition(b"\r\n")
        if found:
            self.buffer = rest
            verb = line[:4].upper()
            self.in_data = verb == b"DATA"
            self.transport.write(ANSWERS.get(verb, b"250 OK\r\n"))
        return bool(found)

    def take_message(self) -> bool:
        message, found, rest = self.buffer.partition(END)
        if found:
            self.buffer, self.in_data = rest, False
            self.accept(message)
            self.transport.write(b"250 OK\r\n")
        return bool(found)

    @classmethod
    def accept(cls, message: bytes) -> None:
        _, _, after = message.partition(b"\nMessage-ID:")
        cls.accepted[after.partition(b"\r\n")[0].strip().decode()] = time.time()
        cls.count += 1
        cls.size += len(message)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Mailbox, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    report = {
        "count": Mailbox.count,
        "bytes": Mailbox.size,
        "cpu": time.process_time(),
        "accepted": Mailbox.accepted,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
