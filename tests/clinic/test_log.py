import logging
from collections.abc import Iterator
from io import StringIO
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.conf import settings

WHAT_THE_DATABASE_SAYS = "Key (patient)=(Ada Abbott) already exists"


def log_fault(logger: str, message: str, *arguments: object) -> None:
    try:
        raise ValueError(WHAT_THE_DATABASE_SAYS)
    except ValueError:
        logging.getLogger(logger).exception(message, *arguments)


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the configured handler writes."""
    logging_settings: dict[str, Any] = settings.LOGGING
    configured = DictConfigurator(settings.LOGGING)
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(configured.configure_formatter(logging_settings["formatters"]["line"]))
    handler.addFilter(configured.configure_filter(logging_settings["filters"]["tasks"]))
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def test_log_names_the_fault_and_the_place_but_not_the_values(written: StringIO) -> None:
    log_fault("django.request", "Internal Server Error: %s", "/admin/")
    lines = written.getvalue()
    assert "Internal Server Error: /admin/" in lines
    assert "ValueError" in lines
    assert "test_log.py" in lines
    assert "Abbott" not in lines


def test_log_of_a_failed_task_holds_no_values(written: StringIO) -> None:
    context = {"name": "plan", "id": "7", "exc": "ValueError('Ada Abbott')", "traceback": "... Ada Abbott"}
    log_fault("celery.app.trace", "Task %(name)s[%(id)s] raised: %(exc)s\n%(traceback)s", context)
    lines = written.getvalue()
    assert "Task plan[7] raised: ValueError" in lines
    assert "Abbott" not in lines
