"""Claims on work, held by this process's database connection: a process that dies gives them back at once."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def claim(work: str, number: int = 0) -> Iterator[bool]:
    """Whether this process may do the work; False while another one is at it. Never waits."""
    key = [zlib.crc32(work.encode()) - 2**31, number % 2**31]
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s, %s)", key)
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s, %s)", key)
