"""Errors as problem details (RFC 9457): one `detail` sentence, and every fault in `errors`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from scheduling.refusals import BookingRefused, Refusal

MEDIA_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


def problem(
    status: int, kind: str, detail: str, *, errors: list[dict[str, str]] | None = None, headers: Any = None
) -> Response:
    body = {
        "type": f"urn:cadence:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **({"errors": errors} if errors else {}),
    }
    return Response(body, status=status, headers=headers, content_type=MEDIA_TYPE)


def answer_exception(exc: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's EXCEPTION_HANDLER: no traceback and no HTML ever reaches a client."""
    set_rollback()
    if isinstance(exc, BookingRefused):
        return refuse(exc)
    if isinstance(exc, ModelValidationError):
        exc = exceptions.ValidationError(dict(named_messages(exc)))
    if isinstance(exc, exceptions.ValidationError):
        errors = list(pointed_errors(exc.detail))
        return problem(400, "invalid", f"{len(errors)} of the values given cannot be used.", errors=errors)
    if isinstance(exc, Http404):
        exc = exceptions.NotFound("There is no such resource, or it is not at a site of this key.")
    if isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    if isinstance(exc, exceptions.APIException):
        return problem(exc.status_code, exc.default_code.replace("_", "-"), str(exc.detail), headers=headers_of(exc))
    logger.error("An API request failed", exc_info=exc)
    return problem(500, "error", "Something went wrong here. The request had no effect; try again later.")


def refuse(exc: BookingRefused) -> Response:
    """409 with every rule that stands in the way, by session, rule, resource and time."""
    return problem(
        409,
        "booking-refused",
        f"Not booked: {len(exc.refusals)} rule(s) stand in the way.",
        errors=[refusal_error(refusal) for refusal in exc.refusals],
    )


def refusal_error(refusal: Refusal) -> dict[str, str]:
    return {
        "code": refusal.rule,
        "detail": refusal.message,
        "session": refusal.session,
        "resource": refusal.resource,
        "time": refusal.time,
    }


def named_messages(exc: ModelValidationError) -> Iterator[tuple[str, list[str]]]:
    if not hasattr(exc, "error_dict"):
        yield "non_field_errors", exc.messages
        return
    for field, messages in exc.message_dict.items():
        yield "non_field_errors" if field == NON_FIELD_ERRORS else field, messages


def pointed_errors(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """The leaves of a serializer's errors, each with a JSON Pointer (RFC 6901) to the value at fault."""
    if isinstance(detail, dict):
        for field, inner in detail.items():
            yield from pointed_errors(inner, pointer if field == "non_field_errors" else f"{pointer}/{field}")
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            yield from pointed_errors(inner, f"{pointer}/{position}" if isinstance(inner, dict) else pointer)
    else:
        yield {"pointer": pointer, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}


def headers_of(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = f"{wait:.0f}"
    return headers


def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """Below /api/v1/ an unknown path is a problem document too."""
    answer = problem(404, "not-found", "There is no such path in this API.")
    return JsonResponse(answer.data, status=404, content_type=MEDIA_TYPE)
