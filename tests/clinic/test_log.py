import logging
from collections.abc import Iterator
from copy import deepcopy
from io import StringIO
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.conf import settings
from gunicorn.config import Config

from clinic.log import cut_tokens
from clinic.web_log import DiscreetLogger

WHAT_THE_DATABASE_SAYS = "Key (patient)=(Ada Abbott) already exists"
TOKEN = "CanaryOf_a-22-letters0"


def log_fault(logger: str, message: str, *arguments: object) -> None:
    try:
        raise ValueError(WHAT_THE_DATABASE_SAYS)
    except ValueError:
        logging.getLogger(logger).exception(message, *arguments)


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the configured handler writes."""
    logging_settings: dict[str, Any] = deepcopy(settings.LOGGING)  # configuring takes its keys out
    configured = DictConfigurator(logging_settings)
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


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"Not Found: /v/{TOKEN}", "Not Found: /v/Cana..."),
        (f"GET /v/{TOKEN}/driver 200", "GET /v/Cana.../driver 200"),
        (f'"GET /v/{TOKEN}?lang=es HTTP/1.1"', '"GET /v/Cana...?lang=es HTTP/1.1"'),
        (f"/f/{TOKEN}.ics", "/f/Cana..."),
        (f"/v/{TOKEN[:-1]} copied badly", "/v/Cana... copied badly"),
        (f"/some/other/{TOKEN}", "/some/other/Cana..."),
        (f'"GET /v%2F{TOKEN}/confirm HTTP/1.1"', '"GET /v%2FCana.../confirm HTTP/1.1"'),
        (f"/f%2f{TOKEN}.ics 200", "/f%2fCana... 200"),
        (f"/v%2f{TOKEN[:-1]} copied badly", "/v%2fCana... copied badly"),
        (f"/%76%2F{TOKEN}?lang=es", "/%76%2FCana...?lang=es"),
        (f"?next=%2Fv%2F{TOKEN} 302", "?next=%2Fv%2FCana... 302"),
        (
            "/api/v1/courses/1b4e28ba-2fa1-41d2-883f-0016d3cca427",
            "/api/v1/courses/1b4e28ba-2fa1-41d2-883f-0016d3cca427",
        ),
        ("/admin/scheduling/session/7/change/", "/admin/scheduling/session/7/change/"),
        ('File "/srv/tests/test_pages_of_patients.py"', 'File "/srv/tests/test_pages_of_patients.py"'),
    ],
)
def test_tokens_in_paths_are_cut_and_nothing_else(said: str, kept: str) -> None:
    assert cut_tokens(said) == kept


def test_log_of_a_refused_request_names_no_token(written: StringIO) -> None:
    logging.getLogger("django.request").warning("Not Found: %s", f"/v/{TOKEN}")
    assert written.getvalue().splitlines()[-1].endswith("Not Found: /v/Cana...")


def test_lines_of_gunicorn_name_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config()
    config.set("accesslog", "-")
    logger = DiscreetLogger(config)
    logger.access_log.info("GET /v/%s 200", TOKEN)
    logger.error_log.error("Error handling request %s", f"/v/{TOKEN}")
    printed = capsys.readouterr()
    assert (printed.out, printed.err.rpartition("] ")[2]) == (
        "GET /v/Cana... 200\n",
        "Error handling request /v/Cana...\n",
    )
