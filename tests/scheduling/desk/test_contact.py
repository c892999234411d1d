"""On the page of a patient: what they agreed to, and the calendar they subscribe to."""

from __future__ import annotations

import pytest
from django.urls import reverse

from clinic.models import Consent, Language, Purpose
from scheduling.desk.contact_acts import WORDINGS
from scheduling.models import CalendarFeed
from tests import factories
from tests.scheduling.desk.pressing import told


@pytest.fixture
def ada(site, clock):
    return factories.make_patient(site=site, phone="+1 212 555 0101")


def press(client, patient, act, **fields):
    return client.post(reverse("admin:desk_contact_act", args=[patient.pk, act]), fields, follow=True)


def shown(client, patient):
    return client.get(reverse("admin:clinic_patient_change", args=[patient.pk])).context["contact"]


def test_a_consent_keeps_its_words_its_number_and_who_heard_it(at_desk, clerk, ada):
    assert told(press(at_desk, ada, "agree", purpose="sms", source="form")) == [
        "Written down: text messages about appointments."
    ]
    consent = Consent.objects.get()
    assert (consent.number, consent.wording, consent.source, consent.given_to, consent.given_at) == (
        "+12125550101",
        WORDINGS[Purpose.SMS][Language.ENGLISH],
        "form",
        clerk,
        factories.NOW,
    )
    assert [(row["purpose"], row["holds"]) for row in shown(at_desk, ada)["consents"]] == [
        ("sms", True),
        ("detail", False),
    ]


def test_a_patient_who_reads_spanish_hears_spanish_words(at_desk, ada):
    ada.language = Language.SPANISH
    ada.save()
    press(at_desk, ada, "agree", purpose="detail")
    assert Consent.objects.get().wording == WORDINGS[Purpose.DETAIL][Language.SPANISH]


def test_mail_that_comes_back_is_said_until_one_arrives(at_desk, ada, course):
    def say() -> list[bool]:
        course.patient.refresh_from_db()
        page = at_desk.get(reverse("admin:clinic_patient_change", args=[course.patient_id])).content.decode()
        return ["comes back" in page, at_desk.get(course_url).context["refuses_mail"]]

    course_url = reverse("admin:scheduling_course_change", args=[course.pk])
    notice = course.notices.filter(channel="email").earliest("pk")
    assert say() == [False, False]
    failed = {"status": "failed", "recipient": course.patient.email, "failed_at": factories.NOW}
    course.notices.filter(pk=notice.pk).update(**failed)
    assert say() == [True, True]
    course.patient.email = "new@mail.example"
    course.patient.save()
    assert say() == [False, False]


def test_a_new_number_needs_a_new_consent(at_desk, ada):
    press(at_desk, ada, "agree", purpose="sms")
    ada.phone = "+1 212 555 0199"
    ada.save()
    assert [row["holds"] for row in shown(at_desk, ada)["consents"]] == [False, False]
    page = at_desk.get(reverse("admin:clinic_patient_change", args=[ada.pk])).content.decode()
    assert "For another number: ask again" in page


def test_a_consent_is_taken_back(at_desk, ada):
    press(at_desk, ada, "agree", purpose="detail")
    assert told(press(at_desk, ada, "withdraw", purpose="detail")) == ["Taken back: messages that name the treatment."]
    assert not Consent.objects.live().exists()


def test_without_a_number_there_is_nothing_to_agree_to(at_desk, ada):
    ada.phone = ""
    ada.save()
    assert told(press(at_desk, ada, "agree", purpose="sms")) == [
        "This phone number is none that a text message can reach."
    ]
    assert not Consent.objects.exists()


def test_an_unknown_purpose_is_refused(at_desk, ada):
    assert told(press(at_desk, ada, "agree", purpose="fame")) == ["Purpose: say what the patient agrees to."]


def test_a_calendar_to_subscribe_to_is_opened_and_ended(at_desk, ada):
    press(at_desk, ada, "subscribe")
    ada.refresh_from_db()
    assert (ada.channel, CalendarFeed.objects.get().revoked_at) == ("feed", None)
    assert shown(at_desk, ada)["feed"] == CalendarFeed.objects.get()
    press(at_desk, ada, "revoke")
    ada.refresh_from_db()
    assert (ada.channel, shown(at_desk, ada)["feed"]) == ("email", None)


def test_a_calendar_to_subscribe_to_needs_an_address_to_send_its_link_to(at_desk, ada):
    ada.email, ada.channel = "", "print"
    ada.save()
    assert told(press(at_desk, ada, "subscribe")) == [
        "This patient has no e-mail address: the link to the calendar could not be sent."
    ]
    ada.refresh_from_db()
    assert (ada.channel, CalendarFeed.objects.count()) == ("print", 0)


def test_a_clerk_elsewhere_finds_no_such_patient(client, other_clerk, ada):
    client.force_login(other_clerk)
    assert client.post(reverse("admin:desk_contact_act", args=[ada.pk, "agree"]), {"purpose": "sms"}).status_code == 404
    assert not Consent.objects.exists()
