"""Who has a link is let in; whoever has none, or one that is over, learns nothing but that."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.views.csrf import csrf_failure
from django.views.decorators.http import require_http_methods

from scheduling.messages.links import find_link, link_to
from scheduling.messages.wording import event_title, moment_text
from scheduling.models import PatientLink, Session
from scheduling.patient.acts import last_act
from scheduling.patient.opening import LinkState, state_of
from scheduling.refusals import BookingRefused

P = ParamSpec("P")
LANGUAGES = dict(settings.LANGUAGES)
# A clock time with its half of the day and its zone, in either language.
TIME = re.compile(r"\b\d{1,2}:\d\d\s(?:[AP]M|[ap]\.\sm\.)(?:\s[A-Z]{2,5}\b)?")
NOT_DIALLED = re.compile(r"[^0-9+]")
# Not no-referrer: browsers then send "Origin: null" with a form, which the check against forged forms refuses. So the
# address of the page, which is the key to it, goes into no Referer either, but the name of our own host may.
HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "strict-origin"}


class Visitor:
    """One request of somebody who holds a link."""

    def __init__(self, request: HttpRequest, link: PatientLink, token: str, now: datetime) -> None:
        self.request, self.link, self.token, self.now = request, link, token, now
        if link.session.patient_id == link.patient_id:
            link.session.patient = link.patient  # read already
        self.language = choose_language(request, link)

    def address(self, page: str = "patient_page", **arguments: Any) -> str:
        """Of another page of the same link, in the language the patient has switched to."""
        address = reverse(page, kwargs={"token": self.token, **arguments})
        return address if self.language == self.link.patient.language else f"{address}?lang={self.language}"

    def show(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        session = self.link.session
        context |= {
            "site": session.site,
            "dial": NOT_DIALLED.sub("", session.site.phone),
            "title": event_title(session, session.site),
            "now_at": moment_text(session.local_start),
            "language": self.language,
            "languages": LANGUAGES.items(),
            "page_url": self.address(),
            "confirm_url": self.address("patient_confirm"),
            "driver_url": self.address("patient_driver"),
            "cannot_come_url": self.address("patient_cannot_come"),
            "times_url": self.address("patient_times"),
        }
        page = render_to_string(f"patient/{template}.html", context, self.request)
        return HttpResponse(TIME.sub(unbroken, page), status=status)

    def go(self, page: str = "patient_page") -> HttpResponse:
        """After a form, so that going back or reloading sends nothing again."""
        return HttpResponseRedirect(self.address(page), status=303)

    def go_to_link(self, moved: Session) -> HttpResponse:
        """A visit that has moved has a link of its own."""
        address = link_to(moved, now=self.now)
        query = "" if self.language == self.link.patient.language else f"?lang={self.language}"
        return HttpResponseRedirect(address + query, status=303)

    def show_used(self, *, status: int = 410) -> HttpResponse:
        return self.show("done", status=status, act=last_act(self.link))


def unbroken(found: re.Match[str]) -> str:
    """No line ends within it."""
    return found[0].replace(" ", "\u00a0")


def choose_language(request: HttpRequest, link: PatientLink) -> str:
    asked = request.GET.get("lang", "")
    return asked if asked in LANGUAGES else str(link.patient.language)


View = Callable[Concatenate[Visitor, P], HttpResponse]


def admit(*methods: str) -> Callable[[View[P]], Callable[..., HttpResponse]]:
    """A view for those whose link is open. Its GET only reads: mail scanners follow links (ASVS 3.5.3)."""

    def decorate(view: View[P]) -> Callable[..., HttpResponse]:
        def answer_or_refuse(visitor: Visitor, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                return view(visitor, *args, **kwargs)
            except BookingRefused:
                return visitor.show("try_again", status=409)

        @discreetly
        @require_http_methods(["GET", "HEAD", *methods])
        @wraps(view)
        def answer(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            now = timezone.now()
            link = find_link(token)
            if link is None:
                return show_closed(request, status=404)
            visitor = Visitor(request, link, token, now)
            with translation.override(visitor.language):
                match state_of(link, now=now):
                    case LinkState.OPEN:
                        return answer_or_refuse(visitor, *args, **kwargs)
                    case LinkState.USED:
                        return visitor.show_used()
                return show_closed(request, status=410, phone=link.session.site.phone)

        return answer

    return decorate


def show_closed(request: HttpRequest, *, status: int, phone: str = "") -> HttpResponse:
    """In every language, as nobody knows who reads it. It names neither a clinic nor a person."""
    sentences = []
    for code in LANGUAGES:
        with translation.override(code):
            sentences.append((code, translation.gettext("This link is no longer valid."), closed_advice(phone)))
    return render(request, "patient/closed.html", {"sentences": sentences, "language": "en"}, status=status)


def closed_advice(phone: str) -> str:
    if phone:
        return translation.gettext("Please call the clinic: %(phone)s") % {"phone": phone}
    return translation.gettext("Please call the clinic, or use the link in the latest message you got from it.")


def show_unknown(request: HttpRequest, token: str = "") -> HttpResponse:
    return discreet(show_closed(request, status=404))


def refuse_forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its own page's sign. Patients get a page of theirs, staff the desk's."""
    if not request.path.startswith("/v/"):
        return csrf_failure(request, reason)
    sentences = []
    for code in LANGUAGES:
        with translation.override(code):
            sentence = translation.gettext("Nothing was changed.")
            advice = translation.gettext("Please open the link in your message again. Your browser must allow cookies.")
            sentences.append((code, sentence, advice))
    return discreet(render(request, "patient/closed.html", {"sentences": sentences, "language": "en"}, status=403))


def discreetly(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Every answer of the view, also the one that its method is not allowed."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return discreet(view(*args, **kwargs))

    return answer


def discreet(response: HttpResponse) -> HttpResponse:
    for name, value in HEADERS.items():
        response[name] = value
    return response
