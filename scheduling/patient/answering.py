"""What the patient tells us by the buttons of their page. Each is a form of its own; reading one changes nothing."""

from __future__ import annotations

from django.http import HttpResponse

from scheduling.drivers import clean_driver, find_driver_faults
from scheduling.models import DriverKind
from scheduling.patient import acts
from scheduling.patient.admitting import Visitor, admit
from scheduling.patient.visit_page import driver_of


@admit("POST")
def confirm(visitor: Visitor) -> HttpResponse:
    if visitor.request.method == "POST":
        acts.confirm(visitor.link, now=visitor.now)
    return visitor.go()


@admit("POST")
def cannot_come(visitor: Visitor) -> HttpResponse:
    if visitor.request.method != "POST":
        return visitor.show("cannot_come")
    please_call = "call" in visitor.request.POST
    if acts.cannot_come(visitor.link, please_call=please_call, now=visitor.now):
        return visitor.show_used(status=200)
    return visitor.go()


@admit("POST")
def tell_driver(visitor: Visitor) -> HttpResponse:
    """The form of who takes the patient home. What was told before is not shown: it is another person's."""
    session, request = visitor.link.session, visitor.request
    driver = driver_of(session)
    if driver is None:
        return visitor.go()
    if request.method != "POST":
        return show_driver_form(visitor, {"kind": DriverKind.PERSON}, {})
    typed = {name: request.POST.get(name, "") for name in ("name", "phone", "email")}
    kind = request.POST.get("kind", DriverKind.PERSON)
    values = clean_driver(kind=kind, **typed)
    faults = find_driver_faults(session, **values)
    if faults:
        return show_driver_form(visitor, {**typed, "kind": kind}, faults)
    acts.tell_driver(visitor.link, **values, now=visitor.now)
    return visitor.go()


def show_driver_form(visitor: Visitor, values: dict[str, str], faults: dict[str, str]) -> HttpResponse:
    is_ride = values["kind"] == DriverKind.RIDE_SERVICE
    return visitor.show("driver", values=values, faults=faults, is_ride=is_ride)
