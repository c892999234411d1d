"""The page of a message: its text as it was sent, and once more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from scheduling.models import Notice, NoticeCopy
from scheduling.tasks import deliver_notices
from tests import factories
from tests.scheduling.desk.pressing import told


def page_of(notice):
    return reverse("admin:scheduling_notice_change", args=[notice.pk])


@pytest.fixture
def summary(course, clock, mailoutbox):
    clock.shift(timedelta(minutes=3))
    deliver_notices()
    return Notice.objects.get(kind="course_summary")


def test_a_message_is_read_as_it_was_sent(at_desk, summary, mailoutbox):
    sent = next(mail for mail in mailoutbox if mail.extra_headers["Message-ID"] == summary.message_id)
    page = at_desk.get(page_of(summary))
    [copy] = page.context["copies"]
    assert (copy.recipient, copy.subject, copy.text) == (sent.to[0], sent.subject, sent.body)
    assert sent.subject in page.content.decode()


def test_markup_in_a_message_is_shown_as_text(at_desk, summary):
    NoticeCopy.objects.filter(notice=summary).update(text="<script>alert(1)</script>")
    assert "<script>alert(1)" not in at_desk.get(page_of(summary)).content.decode()


def test_what_waits_says_that_nothing_was_sent_yet(at_desk, course):
    waiting = Notice.objects.filter(kind="calendar").earliest("due_at")
    page = at_desk.get(page_of(waiting))
    assert ("Not sent yet." in page.content.decode(), page.context["can_send_again"]) == (True, False)


def test_a_message_goes_out_once_more_as_one_of_its_own(at_desk, summary, mailoutbox, clock):
    before = len(mailoutbox)
    for _ in range(2):
        answer = at_desk.post(reverse("admin:desk_message_again", args=[summary.pk]), follow=True)
        assert told(answer) == ["It goes out once more within a minute."]
    [again] = summary.repetitions.all()
    deliver_notices()
    again.refresh_from_db()
    [mail] = mailoutbox[before:]
    assert (again.status, mail.to, mail.extra_headers["Message-ID"]) == (
        "sent",
        [summary.recipient],
        again.message_id,
    )
    assert again.message_id != summary.message_id
    assert "the earlier message" in at_desk.get(page_of(again)).content.decode()


def test_an_address_that_refused_mail_is_tried_again_only_by_who_knows_that_it_works(at_desk, summary):
    Notice.objects.filter(pk=summary.pk).update(status="failed", failed_at=factories.NOW + timedelta(hours=1))
    assert at_desk.get(page_of(summary)).context["is_refused"]
    url = reverse("admin:desk_message_again", args=[summary.pk])
    assert told(at_desk.post(url, follow=True)) == [
        "This address has refused mail for good. Correct it first; or, if it works again, say so and send once more."
    ]
    answer = at_desk.post(url, {"despite_refusal": "yes"}, follow=True)
    assert told(answer) == ["It goes out once more within a minute."]


def test_what_still_waits_cannot_be_sent_again(at_desk, course):
    waiting = Notice.objects.filter(kind="calendar").earliest("due_at")
    answer = at_desk.post(reverse("admin:desk_message_again", args=[waiting.pk]), follow=True)
    assert told(answer) == ["This message is still waiting to be sent."]
    assert not waiting.repetitions.exists()


def test_who_may_only_look_cannot_send_again(client, summary, site):
    viewer = factories.make_user(role="clinician", sites=())
    client.force_login(viewer)
    assert client.post(reverse("admin:desk_message_again", args=[summary.pk])).status_code == 404
    assert not summary.repetitions.exists()
