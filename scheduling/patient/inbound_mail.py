"""Where a mail server or provider hands over what came to the address of our invites: POST /in/mail."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from scheduling.models import InboundSource
from scheduling.replies.reading import MOST_BYTES
from scheduling.replies.signing import find_fault
from scheduling.replies.taking_in import digest_of, take_in


@csrf_exempt  # nobody is signed in here: the signature is the right to post
def take_mail(request: HttpRequest) -> HttpResponse:
    """The same mail again, also within the five minutes that its signature lives, changes nothing."""
    if not settings.INBOUND_MAIL_SECRET:
        return problem(404, "not-found", "This installation takes no mail here.")
    if request.method != "POST":
        return problem(405, "method-not-allowed", "Only POST is understood here.", Allow="POST")
    fault = find_length_fault(request)
    if fault is not None:
        return fault
    now = timezone.now()
    signature_fault = find_fault(request.headers, request.body, secret=settings.INBOUND_MAIL_SECRET, now=now)
    if signature_fault:
        return problem(401, "not-authenticated", signature_fault)
    take_in(request.body, source=InboundSource.WEBHOOK, key=f"mail:{digest_of(request.body)}", now=now)
    return HttpResponse(status=204)


def find_length_fault(request: HttpRequest) -> HttpResponse | None:
    """Before a byte of the body is read."""
    length = request.headers.get("Content-Length", "")
    if not length.isdigit() or int(length) == 0:
        return problem(411, "length-required", "The body must be one mail, with its Content-Length.")
    if int(length) > MOST_BYTES:
        return problem(413, "too-large", "A mail may have at most 256 KiB.")
    return None


def problem(status: int, kind: str, detail: str, **headers: str) -> JsonResponse:
    """RFC 9457, as the API's."""
    title = HTTPStatus(status).phrase
    body = {"type": f"urn:cadence:problem:{kind}", "title": title, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json", headers=headers)
