"""What patients reach without signing in; `scheduling.messages.links` writes the addresses."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from scheduling.patient.admitting import show_unknown
from scheduling.patient.answering import cannot_come, confirm, tell_driver
from scheduling.patient.feed import show_feed
from scheduling.patient.inbound_mail import take_mail
from scheduling.patient.inbound_sms import receive_fate, receive_text
from scheduling.patient.times import show_times, take_time
from scheduling.patient.visit_page import show_visit

urlpatterns: list[URLPattern] = [
    path("v/<str:token>", show_visit, name="patient_page"),
    path("v/<str:token>/confirm", confirm, name="patient_confirm"),
    path("v/<str:token>/driver", tell_driver, name="patient_driver"),
    path("v/<str:token>/cannot-come", cannot_come, name="patient_cannot_come"),
    path("v/<str:token>/time", show_times, name="patient_times"),
    path("v/<str:token>/time/<str:at>", take_time, name="patient_take_time"),
    re_path(r"^v/", show_unknown),
    re_path(r"^f/(?P<token>[\w-]{22})(?:\.ics)?$", show_feed),
    path("in/mail", take_mail, name="inbound_mail"),
    path("in/sms", receive_text, name="inbound_sms"),
    path("in/sms-status/<uuid:reference>", receive_fate, name="inbound_sms_status"),
]
