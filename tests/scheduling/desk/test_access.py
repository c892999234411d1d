"""Who may open and press what: a clerk there finds nothing here, and each role has its own buttons."""

import re

import pytest
from django.urls import reverse
from django.views.defaults import server_error

from scheduling.models import Notice, Session
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def notice(course):
    return Notice.objects.filter(course=course).earliest("pk")


@pytest.fixture
def everything_here(course, first, notice, site):
    """Each page and each button of this clinic, with how it is reached."""
    own = factories.make_protocol(code="own", site=site, publish=False)
    gate, point = course.version.gates.get(code="consent"), course.version.decision_points.get()
    pages = [
        reverse("admin:scheduling_course_change", args=[course.pk]),
        reverse("admin:scheduling_session_change", args=[first.pk]),
        reverse("admin:scheduling_notice_change", args=[notice.pk]),
        reverse("admin:desk_session_move", args=[first.pk]),
        reverse("admin:desk_course_print", args=[course.pk]),
        reverse("admin:desk_course_stop", args=[course.pk]),
        reverse("admin:desk_course_plan", args=[course.pk]),
        reverse("admin:protocols_protocol_change", args=[own.protocol_id]),
        reverse("admin:protocols_protocolversion_change", args=[own.pk]),
        f"{reverse('admin:scheduling_course_add')}?patient={course.patient_id}",
    ]
    acts = [
        *(reverse("admin:desk_session_act", args=[first.pk, act]) for act in ("arrived", "missed", "cancel", "move")),
        reverse("admin:desk_course_stop", args=[course.pk]),
        reverse("admin:desk_gate", args=[course.pk, gate.pk]),
        reverse("admin:desk_decide", args=[course.pk, point.pk]),
        reverse("admin:desk_call_done", args=[notice.pk]),
        reverse("admin:desk_message_again", args=[notice.pk]),
        reverse("admin:desk_protocol_publish", args=[own.pk]),
        reverse("admin:desk_protocol_copy", args=[own.pk]),
        reverse("admin:desk_protocol_discard", args=[own.pk]),
    ]
    return pages, acts


def test_a_clerk_of_another_clinic_finds_none_of_it(client, other_clerk, everything_here, first, clock):
    pages, acts = everything_here
    client.force_login(other_clerk)
    assert {url: client.get(url).status_code for url in pages} == dict.fromkeys(pages, 404)
    answers = {url: client.post(url, {"reason": "x", "seen_at": first.changed_at.isoformat()}) for url in acts}
    # Deciding, and protocols, are not a clerk's anywhere.
    assert all(answer.status_code in {403, 404} for answer in answers.values())
    assert Session.objects.get(pk=first.pk).status == "booked"


def test_a_clinician_of_another_clinic_finds_none_of_it_either(client, other_site, everything_here, clock):
    pages, acts = everything_here
    client.force_login(factories.make_user(role="clinician", sites=(other_site,)))
    assert {url: client.get(url).status_code for url in pages} == dict.fromkeys(pages, 404)
    assert {url: client.post(url).status_code for url in acts} == dict.fromkeys(acts, 404)


def test_lists_hold_only_rows_of_my_clinics(client, other_clerk, course, clock):
    client.force_login(other_clerk)
    for model in ("course", "session", "notice"):
        page = client.get(reverse(f"admin:scheduling_{model}_changelist"))
        assert list(page.context["cl"].result_list) == [], model
    assert client.get(reverse("admin:desk_call_list")).context["calls"] == []


def test_whoever_is_not_logged_in_is_sent_to_the_login(client, everything_here):
    pages, acts = everything_here
    for url in pages:
        assert client.get(url).url.startswith("/admin/login/"), url
    for url in acts:
        assert client.post(url).url.startswith("/admin/login/"), url


def test_an_administrator_sees_every_clinic(client, administrator, everything_here, clock):
    pages, _ = everything_here
    client.force_login(administrator)
    assert {client.get(url, follow=True).status_code for url in pages} == {200}


def test_an_integration_account_never_gets_in(client, site, everything_here, clock):
    pages, acts = everything_here
    client.force_login(factories.make_user(role="integration", sites=(site,)))
    answers = [*(client.get(url) for url in pages), *(client.post(url) for url in acts)]
    assert all(answer.url.startswith("/admin/login/") for answer in answers)


def test_nobody_edits_sessions_notices_or_courses_by_hand(client, administrator, course, first, notice, clock):
    client.force_login(administrator)
    session_add, notice_add = reverse("admin:scheduling_session_add"), reverse("admin:scheduling_notice_add")
    assert [client.get(url).status_code for url in (session_add, notice_add)] == [403, 403]
    for row, model in ((course, "course"), (first, "session"), (notice, "notice")):
        delete = reverse(f"admin:scheduling_{model}_delete", args=[row.pk])
        assert client.post(delete, {"post": "yes"}).status_code == 403
    for row, model, status in ((notice, "notice", "sent"), (first, "session", "completed")):
        page = client.post(reverse(f"admin:scheduling_{model}_change", args=[row.pk]), {"status": status})
        assert page.status_code == 200
    first.refresh_from_db()
    notice.refresh_from_db()
    assert (first.status, notice.status) == ("booked", "due")


@pytest.mark.parametrize("row", ["0", "-1", "x", "1e3", "99999999999999999999999", "1%00"])
def test_numbers_that_are_none_are_not_found(at_desk, row):
    for url in (f"/admin/scheduling/course/{row}/change/", f"/admin/scheduling/session/{row}/move/"):
        assert at_desk.get(url).status_code == 404
    assert at_desk.get(reverse("admin:scheduling_course_add"), {"patient": row}).status_code == 404


def test_pages_carry_no_inline_script_and_no_inline_style(at_desk, everything_here):
    pages, _ = everything_here
    for url in [*pages, reverse("admin:index"), reverse("admin:desk_call_list")]:
        response = at_desk.get(url, follow=True)
        text = response.content.decode()
        assert " style=" not in text, url
        assert "<style" not in text, url
        assert " onclick=" not in text, url
        assert not re.search(r"<script(?![^>]* src=)", text), url
        assert "'unsafe" not in response.headers["Content-Security-Policy"]


def test_refusals_are_pages_in_words_under_the_same_policy(at_desk, course):
    missing = at_desk.get("/admin/scheduling/course/0/change/")
    forbidden = at_desk.post(reverse("admin:desk_decide", args=[course.pk, 1]))
    assert (missing.status_code, forbidden.status_code) == (404, 403)
    assert "There is no such page, or it belongs to a clinic that is not yours." in missing.content.decode()
    assert "Your role does not include this." in forbidden.content.decode()
    assert "<style" not in missing.content.decode() + forbidden.content.decode()


def test_a_page_that_is_too_old_says_that_nothing_was_changed(client, clerk, course, clock):
    client.handler.enforce_csrf_checks = True
    client.force_login(clerk)
    page = client.post(reverse("admin:desk_course_stop", args=[course.pk]), {"reason": "x"})
    assert page.status_code == 403
    assert "For safety nothing was changed." in page.content.decode()


def test_an_error_of_ours_shows_no_traceback(rf):
    page = server_error(rf.get("/"))
    assert page.status_code == 500
    assert "Nothing was half done." in page.content.decode()
