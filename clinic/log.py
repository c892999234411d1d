"""Logging that may leave the clinic: where a fault happened and of what kind, never the values it happened to."""

import logging
import re
import traceback
from types import TracebackType

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Whoever has the address of a patient's page may act for them. A part of a path as long as a token is taken for one.
# The web server logs paths as they were sent, and a slash sent as %2F leads to the page as well.
TOKEN = re.compile(r"""(?:(?<=/[vf]/)|(?<=/[vf]%2[Ff]))[^/\s?#"'<>]+|(?:(?<=/)|(?<=%2[Ff]))[\w-]{22}(?![\w-]|\.py)""")


def cut_tokens(text: str) -> str:
    """Only the beginning of the tokens in paths, by which two lines can be told to be about one."""
    return TOKEN.sub(lambda found: f"{found[0][:4]}...", text)


class DiscreetFormatter(logging.Formatter):
    """Leaves the text of exceptions out: the database's, for one, quotes the row. No token of a path stands whole."""

    def format(self, record: logging.LogRecord) -> str:
        return cut_tokens(super().format(record))

    def formatException(self, ei: ExceptionInfo) -> str:
        kind, _, frames = ei
        lines = traceback.format_tb(frames)
        return f"{''.join(lines)}{kind.__name__ if kind else 'unknown fault'}"


class DiscreetTaskFilter(logging.Filter):
    """Celery writes the text of a task's exception, its arguments and its result into the line itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, dict) and "exc" in record.args:
            kind = record.exc_info[0] if record.exc_info else None
            hidden = {"exc": kind.__name__ if kind else "fault", "traceback": "", "args": "", "kwargs": ""}
            record.args = {**record.args, **hidden}
        if isinstance(record.args, dict) and "return_value" in record.args:
            record.args = {**record.args, "return_value": ""}
        return True
