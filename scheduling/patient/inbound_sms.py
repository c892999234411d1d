"""Where Twilio hands over what patients text, and what became of our texts. Only what it has signed is read."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from scheduling.incoming_texts import Text, take_text
from scheduling.messages.sms.channel import find_texting
from scheduling.messages.sms.fates import record_fate
from scheduling.messages.sms.twilio_webhooks import is_signed, write_reply

LONGEST_NAME = 64


def refuse_unsigned(request: HttpRequest) -> None:
    """Without an account, and without its signature, there is nothing here."""
    texting = find_texting()
    signature = request.headers.get("X-Twilio-Signature", "")
    if texting is None or not texting.account:
        raise Http404
    if not is_signed(texting, path=request.get_full_path(), fields=request.POST, signature=signature):
        raise Http404


@csrf_exempt
@require_POST
def receive_text(request: HttpRequest) -> HttpResponse:
    """Answers with what to reply; Twilio sends it to the number that wrote."""
    refuse_unsigned(request)
    key, number = request.POST.get("MessageSid", ""), request.POST.get("From", "")
    if not key or not number or len(key) > LONGEST_NAME:
        return HttpResponse("MessageSid or From is missing.", status=400, content_type="text/plain")
    text = Text(key, number, request.POST.get("Body", ""), has_replied="OptOutType" in request.POST)
    reply = take_text(text, now=timezone.now())
    return HttpResponse(write_reply(reply), content_type="text/xml")


@csrf_exempt
@require_POST
def receive_fate(request: HttpRequest, reference: UUID) -> HttpResponse:
    refuse_unsigned(request)
    record_fate(
        reference,
        provider_id=request.POST.get("MessageSid", "")[:LONGEST_NAME],
        status=request.POST.get("MessageStatus", ""),
        code=request.POST.get("ErrorCode", "")[:10],
        now=timezone.now(),
    )
    return HttpResponse(status=204)
