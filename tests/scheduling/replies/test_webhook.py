"""Mail handed over by a server or provider: signed, once, and nothing else."""

from __future__ import annotations

import http.client
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from scheduling.models import Inbound
from scheduling.replies.signing import find_fault, sign
from tests.scheduling.replies.cast import Said, answers, every_row, make_invited, read_fixture

pytestmark = pytest.mark.django_db
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the example in the specification of Standard Webhooks
LATIN = Said().mail().replace(b"Subject: Re:", b"Subject: Zusage f\xfcr")


@pytest.fixture(autouse=True)
def secret(settings: Any) -> None:
    settings.INBOUND_MAIL_SECRET = SECRET


def headers_for(
    body: bytes, *, at: datetime | None = None, webhook_id: str = "msg_1", secret: str = SECRET
) -> dict[str, str]:
    timestamp = int((at or datetime.now(UTC)).timestamp())
    signature = sign(body, secret=secret, webhook_id=webhook_id, timestamp=timestamp)
    return {"webhook-id": webhook_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def post(body: bytes, headers: dict[str, str] | None = None, **extra: Any) -> HttpResponse:
    """By a client that insists on CSRF tokens wherever Django would."""
    given: Any = headers_for(body) if headers is None else headers
    client = Client(enforce_csrf_checks=True)
    return client.post("/in/mail", body, content_type="message/rfc822", headers=given, **extra)  # type: ignore[return-value]


def answered(response: HttpResponse) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code
    return response.status_code, problem["detail"]


def test_a_signed_mail_is_taken_in_once_however_often_it_is_posted() -> None:
    make_invited()
    headers = headers_for(LATIN)
    assert [post(LATIN, headers).status_code for _again in range(3)] == [204, 204, 204]
    assert post(LATIN, headers_for(LATIN, webhook_id="msg_2")).status_code == 204
    assert list(Inbound.objects.values_list("source", "kind")) == [("webhook", "reply")]
    assert [answer.kind for answer in answers()] == ["accepted"]


def test_a_mail_that_is_no_reply_is_taken_without_complaint() -> None:
    assert post(read_fixture("human")).status_code == 204
    assert list(Inbound.objects.values_list("kind", "outcome")) == [("left alone", "written by a person")]


WRONG = "webhook-signature does not fit."
LATE = "webhook-timestamp is more than five minutes from now."


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda: headers_for(LATIN + b"x"), WRONG),
        (lambda: headers_for(LATIN, secret="whsec_" + "A" * 32), WRONG),
        (lambda: {**headers_for(LATIN), "webhook-id": "msg_2"}, WRONG),
        (lambda: {**headers_for(LATIN), "webhook-signature": "v1,"}, WRONG),
        (lambda: {**headers_for(LATIN), "webhook-signature": "v1,é"}, WRONG),
        (
            lambda: {
                **headers_for(LATIN),
                "webhook-signature": headers_for(LATIN)["webhook-signature"].replace("v1", "v2"),
            },
            WRONG,
        ),
        (lambda: headers_for(LATIN, at=datetime.now(UTC) - timedelta(minutes=6)), LATE),
        (lambda: headers_for(LATIN, at=datetime.now(UTC) + timedelta(minutes=6)), LATE),
        (
            lambda: {**headers_for(LATIN), "webhook-timestamp": "soon"},
            "webhook-timestamp is not a number of seconds since 1970.",
        ),
        (dict, "The headers webhook-id, webhook-timestamp and webhook-signature are needed."),
    ],
)
def test_a_mail_that_is_not_signed_rightly_has_no_effect(change: Any, detail: str) -> None:
    make_invited()
    before = every_row(but=set())
    assert answered(post(LATIN, change())) == (401, detail)
    assert every_row(but=set()) == before


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed() -> None:
    headers = headers_for(LATIN)
    headers["webhook-signature"] = "v1,AAAA " + headers["webhook-signature"]
    assert post(LATIN, headers).status_code == 204


def test_without_the_setting_there_is_nothing_here(settings: Any) -> None:
    settings.INBOUND_MAIL_SECRET = ""
    assert answered(post(LATIN)) == (404, "This installation takes no mail here.")


def test_only_a_post_of_one_mail_of_256_kib_is_read() -> None:
    assert answered(Client().get("/in/mail")) == (405, "Only POST is understood here.")  # type: ignore[arg-type]
    large = b"x" * (256 * 1024 + 1)
    assert answered(post(large)) == (413, "A mail may have at most 256 KiB.")
    assert answered(post(b"", {})) == (411, "The body must be one mail, with its Content-Length.")
    assert post(large[:-1]).status_code == 204


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification."""
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = datetime.fromtimestamp(1614265330, UTC) + timedelta(minutes=4)
    assert find_fault(headers, body, secret=SECRET, now=now) == ""
    assert find_fault(headers, body + b" ", secret=SECRET, now=now) == WRONG


def test_a_real_server_takes_the_mail_over_the_wire(live_server: Any) -> None:
    body = read_fixture("thunderbird-decline")
    connection = http.client.HTTPConnection(live_server.thread.host, live_server.thread.port, timeout=20)
    connection.request("POST", "/in/mail", body, headers_for(body))
    response = connection.getresponse()
    assert (response.status, response.read()) == (204, b"")
    connection.close()
    assert list(Inbound.objects.values_list("outcome", flat=True)) == ["answers no event of ours"]
