"""What gunicorn serves in benchmarks/feed.py: Cadence, with the server's own time and every rendering noted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from clinic.wsgi import application as cadence
from scheduling.messages import feed

note = os.open(os.environ["CADENCE_BENCHMARK_LOG"], os.O_WRONLY | os.O_APPEND)
write_feed = feed.write_feed


def noted(*arguments: Any, **wishes: Any) -> bytes:
    began = time.perf_counter()
    body = write_feed(*arguments, **wishes)
    os.write(note, f"render {1000 * (time.perf_counter() - began):.3f}\n".encode())
    return body


feed.write_feed = noted


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    began = time.perf_counter()
    answer = cadence(environ, start_response)
    os.write(note, f"request {1000 * (time.perf_counter() - began):.3f}\n".encode())
    return answer
