"""Gunicorn's own lines, which do not pass through Django's logging: requests, and what went wrong with them."""

from __future__ import annotations

import logging

from gunicorn.config import Config
from gunicorn.glogging import Logger

from clinic.log import cut_tokens


class CutTokens(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = cut_tokens(record.getMessage()), ()
        return True


class DiscreetLogger(Logger):
    """Without the tokens of patients' pages."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.addFilter(CutTokens())
