"""Replies with something wrong in them, without end: what a broken client, a bad relay or an enemy may send."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.scheduling.replies.cast import FIXTURES, read_fixture

MARKS = [
    b"\r\n",
    b"\n",
    b":",
    b";",
    b"=",
    b'"',
    b"\0",
    b"\xff\xfe",
    b"BEGIN:VEVENT\r\n",
    b"END:VEVENT\r\n",
    b"--",
    b"\xe2\x80\xa8",
]
VALUES = [
    b"",
    b"-1",
    b"99999999999999999999",
    b"20270230T996199Z",
    b"\\",
    b"RRULE:FREQ=SECONDLY\r\n",
    b"(" * 300,
    b"=?utf-8?B?//8=?=",
]


def mutated_replies(*, count: int, seed: int) -> Iterator[bytes]:
    """The same for the same seed. Every third is changed in several ways."""
    random = Random(seed)
    mails = [read_fixture(path.stem) for path in sorted(FIXTURES.glob("*.eml"))]
    for number in range(count):
        mail = mails[number % len(mails)]
        for _change in range(1 + (number % 3 == 0) * random.randrange(1, 12)):
            mail = random.choice(CHANGES)(random, mail)
        yield mail


def flip_bytes(random: Random, mail: bytes) -> bytes:
    content = bytearray(mail)
    for _flip in range(random.randrange(1, 30)):
        if content:
            content[random.randrange(len(content))] = random.randrange(256)
    return bytes(content)


def cut_out(random: Random, mail: bytes) -> bytes:
    start = random.randrange(len(mail) + 1)
    return mail[:start] + mail[start + random.randrange(500) :]


def repeat_a_piece(random: Random, mail: bytes) -> bytes:
    start = random.randrange(len(mail) + 1)
    piece = mail[start : start + random.randrange(200)]
    return mail[:start] + piece * random.randrange(2, 200) + mail[start:]


def put_in(random: Random, mail: bytes) -> bytes:
    start = random.randrange(len(mail) + 1)
    return mail[:start] + random.choice(MARKS) * random.randrange(1, 50) + mail[start:]


def drop_lines(random: Random, mail: bytes) -> bytes:
    return b"\r\n".join(line for line in mail.split(b"\r\n") if random.random() > 0.1)


def shuffle_lines(random: Random, mail: bytes) -> bytes:
    lines = mail.split(b"\r\n")
    start = random.randrange(len(lines))
    some = lines[start : start + 20]
    random.shuffle(some)
    return b"\r\n".join([*lines[:start], *some, *lines[start + 20 :]])


def change_values(random: Random, mail: bytes) -> bytes:
    lines = mail.split(b"\r\n")
    for _change in range(3):
        place = random.randrange(len(lines))
        lines[place] = lines[place].partition(b":")[0] + b":" + random.choice(VALUES)
    return b"\r\n".join(lines)


def splice(random: Random, mail: bytes) -> bytes:
    return mail[: random.randrange(len(mail) + 1)] + mail[random.randrange(len(mail) + 1) :]


CHANGES: list[Callable[[Random, bytes], bytes]] = [
    flip_bytes, cut_out, repeat_a_piece, put_in, drop_lines, shuffle_lines, change_values, splice,
]  # fmt: skip
