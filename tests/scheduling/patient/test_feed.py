"""The calendar a patient subscribes to, over HTTP: RFC 9110 13, and nothing for who has no right to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from clinic.models import Consent, Patient, Site
from protocols.models import VisitType
from scheduling import feeds
from scheduling.messages import feed as writing
from scheduling.messages.subscriptions import address_of, find_feed, token_of, webcal_address_of
from scheduling.models import CalendarFeed, Course, Session
from scheduling.patient import feed as serving
from tests import factories
from tests.scheduling.messages import cast

NOW = factories.NOW


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def course(patient: Patient) -> Course:
    starts = [NOW + timedelta(days=day, hours=3) for day in (1, 8, 15)]
    return cast.make_course(patient, starts, now=NOW - timedelta(days=1))


@pytest.fixture
def feed(course: Course) -> CalendarFeed:
    return feeds.open_feed(course.patient, now=NOW)


def path_of(feed: CalendarFeed) -> str:
    return "/f/" + address_of(feed).rpartition("/")[2]


def read(feed: CalendarFeed, **headers: str) -> Any:
    return Client(headers=headers).get(path_of(feed))


def events_of(response: Any) -> list[tuple[str, int, datetime, str]]:
    events: list[Any] = Calendar.from_ical(response.content).walk("VEVENT")
    return [(str(e["UID"]), e["SEQUENCE"], e.decoded("DTSTART"), str(e["STATUS"])) for e in events]


@contextmanager
def counted_renders(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The feed is written as ever; only that it was is noted."""
    renders: list[int] = []
    write = writing.write_feed

    def note(feed: CalendarFeed, sessions: Any, **wishes: bool) -> bytes:
        renders.append(feed.pk)
        return write(feed, sessions, **wishes)

    with monkeypatch.context() as patch:
        patch.setattr(writing, "write_feed", note)
        yield renders


def test_feed_holds_every_session_of_every_course_at_its_instant(feed: CalendarFeed, patient: Patient) -> None:
    other = cast.make_course(patient, [NOW + timedelta(days=2)], now=NOW)
    response = read(feed)
    expected = {(str(writing.feed_uid(s)), 0, s.start, "CONFIRMED") for s in patient.sessions.all()}
    assert response.status_code == 200
    assert set(events_of(response)) == expected
    assert len(expected) == 4 and other.sessions.count() == 1
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["Referrer-Policy"] == "no-referrer"


def test_feed_is_reached_with_and_without_its_ending(feed: CalendarFeed) -> None:
    path = path_of(feed)
    assert Client().get(path).content == Client().get(path.removesuffix(".ics")).content != b""
    assert address_of(feed) == f"http://localhost:8000{path}"
    assert webcal_address_of(feed) == f"webcal://localhost:8000{path}"


def test_database_keeps_no_token(feed: CalendarFeed) -> None:
    token = path_of(feed).removeprefix("/f/").removesuffix(".ics")
    row = CalendarFeed.objects.filter(pk=feed.pk).values().get()
    assert not any(token in str(value) for value in row.values())


@pytest.mark.parametrize("name", ["x" * 22, "x" * 21, "x" * 22 + ".ics", "", "../../etc/passwd"])
def test_an_address_nobody_was_given_finds_nothing(feed: CalendarFeed, name: str) -> None:
    assert Client().get(f"/f/{name}").status_code == 404


def test_a_revoked_feed_is_not_found_at_once_and_keeps_nothing(feed: CalendarFeed) -> None:
    etag = read(feed)["ETag"]
    path = path_of(feed)
    feeds.revoke_feed(feed.patient, now=NOW)
    assert Client().get(path).status_code == 404
    assert Client(headers={"if-none-match": etag}).get(path).status_code == 404
    feed.refresh_from_db()
    assert (feed.body, feed.etag, feed.revoked_at) == ("", "", NOW)


@pytest.mark.parametrize("is_written", [False, True])
def test_revoked_while_it_is_asked_for_it_is_not_found_and_not_written_again(
    feed: CalendarFeed, monkeypatch: pytest.MonkeyPatch, is_written: bool
) -> None:
    path = path_of(feed)
    if is_written:
        read(feed)

    def find_and_lose(token: str) -> CalendarFeed | None:
        found = find_feed(token)
        feeds.revoke_feed(feed.patient, now=NOW)
        return found

    monkeypatch.setattr(serving, "find_feed", find_and_lose)
    response = Client().get(path)
    assert (response.status_code, response["Cache-Control"]) == (404, "private, no-cache")
    feed.refresh_from_db()
    assert (feed.body, feed.etag, feed.state, feed.revoked_at) == ("", "", "", NOW)


def test_etag_and_date_are_those_of_the_body_whoever_writes_it_meanwhile(feed: CalendarFeed) -> None:
    before = read(feed)
    found = find_feed(token_of(feed))
    assert found is not None
    unchanged = writing.refresh_feed(found, now=NOW)
    Site.objects.update(public_name="Lakeside")
    after = read(feed)
    response: Any = serving.answer(RequestFactory().get("/"), unchanged, now=NOW + timedelta(minutes=1))
    assert before.content != after.content == response.content
    assert (response["ETag"], response["Last-Modified"]) == (after["ETag"], "Mon, 23 Nov 2026 13:00:01 GMT")


def test_a_feed_is_not_found_from_the_moment_the_channel_is_another(feed: CalendarFeed) -> None:
    Patient.objects.update(channel="email")
    assert read(feed).status_code == 404


def test_only_reading_is_allowed(feed: CalendarFeed) -> None:
    for method in ("post", "put", "patch", "delete", "options"):
        response = getattr(Client(), method)(path_of(feed))
        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_head_says_what_get_would_and_sends_nothing(feed: CalendarFeed) -> None:
    whole = read(feed)
    head = Client().head(path_of(feed))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type", "Content-Length", "Cache-Control"):
        assert head[name] == whole[name]
    assert whole["Content-Length"] == str(len(whole.content))


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', 'W/"other" ,W/{}', "*"])
def test_who_has_it_already_is_told_so(feed: CalendarFeed, form: str) -> None:
    etag = read(feed)["ETag"]
    response = read(feed, **{"if-none-match": form.format(etag)})
    assert (response.status_code, response.content, response["ETag"]) == (304, b"", etag)
    assert response["Cache-Control"] == "private, no-cache"


def test_who_has_another_one_gets_it_whole(feed: CalendarFeed) -> None:
    whole = read(feed)
    modified = whole["Last-Modified"]
    # If-None-Match has the last word where both are sent (RFC 9110 13.2.2).
    assert read(feed, **{"if-none-match": '"other"', "if-modified-since": modified}).content == whole.content


def test_date_of_the_last_change_will_do(feed: CalendarFeed, clock: time_machine.Traveller) -> None:
    modified = read(feed)["Last-Modified"]
    assert modified == "Mon, 23 Nov 2026 13:00:00 GMT"
    assert read(feed, **{"if-modified-since": modified}).status_code == 304
    clock.shift(60)
    cast.change(first(feed), now=NOW)
    assert read(feed, **{"if-modified-since": modified}).status_code == 200


def test_two_changes_in_one_second_are_told_apart_by_date(feed: CalendarFeed) -> None:
    modified = read(feed)["Last-Modified"]
    cast.change(first(feed), now=NOW)
    changed = read(feed, **{"if-modified-since": modified})
    assert (changed.status_code, "Last-Modified" in changed) == (200, False)  # it would lie in the future


def test_a_thousand_polls_of_an_unchanged_feed_write_it_never(
    feed: CalendarFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = read(feed)["ETag"]
    client, path = Client(headers={"if-none-match": etag}), path_of(feed)
    with counted_renders(monkeypatch) as renders:
        answers = {client.get(path).status_code for _ in range(1000)}
    assert (answers, renders) == ({304}, [])


def first(feed: CalendarFeed) -> Session:
    return feed.patient.sessions.order_by("start")[0]


def move(feed: CalendarFeed) -> None:
    session = first(feed)
    start = session.start + timedelta(hours=1)
    cast.change(session, now=NOW, **cast.span(start, minutes=45, timezone=session.timezone))


def cancel(feed: CalendarFeed) -> None:
    cast.change(first(feed), now=NOW, status="cancelled", status_at=NOW + timedelta(minutes=1))


def edit_site(**fields: str) -> Callable[[CalendarFeed], None]:
    def edit(feed: CalendarFeed) -> None:
        Site.objects.update(**fields)

    return edit


def agree_to_detail(feed: CalendarFeed) -> None:
    Consent.objects.create(patient=feed.patient, purpose="detail", wording="Yes", source="staff", given_at=NOW)


def book_more(feed: CalendarFeed) -> None:
    cast.make_course(feed.patient, [NOW + timedelta(days=40)], now=NOW)


EDITS = {
    "moved": move,
    "cancelled": cancel,
    "booked": book_more,
    "phone": edit_site(phone="+1 555 0199"),
    "name": edit_site(public_name="Lakeside"),
    "detail": agree_to_detail,
    "address": edit_site(address="2 Side Street"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_every_edit_changes_the_etag_and_writes_it_once(
    feed: CalendarFeed, edit: Callable[[CalendarFeed], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read(feed)
    edit(feed)
    with counted_renders(monkeypatch) as renders:
        after = [read(feed, **{"if-none-match": before["ETag"]}) for _ in range(3)]
    assert [response.status_code for response in after] == [200, 200, 200]
    assert len({response["ETag"] for response in after} - {before["ETag"]}) == 1
    assert renders == [feed.pk]


def test_a_change_that_is_not_seen_keeps_the_etag(feed: CalendarFeed) -> None:
    before = read(feed)
    Patient.objects.update(phone="+1 555 0123")
    Site.objects.update(name="What staff call it")
    assert read(feed, **{"if-none-match": before["ETag"]}).status_code == 304


def test_a_moved_session_keeps_its_uid_and_has_a_higher_sequence(feed: CalendarFeed) -> None:
    uid, sequence, start, _ = events_of(read(feed))[0]
    move(feed)
    assert (uid, sequence + 1, start + timedelta(hours=1), "CONFIRMED") in events_of(read(feed))


def test_a_cancelled_session_is_shown_as_such_for_30_days(feed: CalendarFeed, clock: time_machine.Traveller) -> None:
    uid, sequence, start, _ = events_of(read(feed))[0]
    cancel(feed)
    cancelled = (uid, sequence + 1, start, "CANCELLED")
    assert cancelled in events_of(read(feed))
    clock.move_to(NOW + timedelta(days=30))
    assert cancelled in events_of(read(feed))
    clock.move_to(NOW + timedelta(days=30, minutes=2))
    assert uid not in {event[0] for event in events_of(read(feed))}


def test_what_was_cancelled_before_the_feed_began_never_stands_in_it(course: Course) -> None:
    session = course.sessions.order_by("start")[0]
    cast.change(session, now=NOW, status="cancelled", status_at=NOW - timedelta(hours=1))
    feed = feeds.open_feed(course.patient, now=NOW)
    assert str(writing.feed_uid(session)) not in {event[0] for event in events_of(read(feed))}


def test_past_sessions_stay_for_90_days(feed: CalendarFeed, clock: time_machine.Traveller) -> None:
    session = first(feed)
    clock.move_to(session.end + timedelta(days=89))
    assert session.start in {event[2] for event in events_of(read(feed))}
    clock.move_to(session.end + timedelta(days=90))
    assert session.start not in {event[2] for event in events_of(read(feed))}


def test_a_surgery_of_another_house_is_not_in_the_feed(patient: Patient) -> None:
    version = factories.make_protocol(publish=False)
    VisitType.objects.filter(version=version).update(place="external")
    cast.make_course(patient, [NOW + timedelta(days=1)], now=NOW, version=version)
    assert events_of(read(feeds.open_feed(patient, now=NOW))) == []


def test_reading_is_noted_once_an_hour(feed: CalendarFeed, clock: time_machine.Traveller) -> None:
    seen = []
    for minutes in (0, 30, 59, 61):
        clock.move_to(NOW + timedelta(minutes=minutes))
        read(feed)
        feed.refresh_from_db()
        seen.append(feed.read_at)
    assert seen == [NOW, NOW, NOW, NOW + timedelta(minutes=61)]


@pytest.mark.parametrize("sessions", [1, 30])
def test_queries_do_not_grow_with_the_sessions(
    patient: Patient, sessions: int, django_assert_num_queries: Callable[[int], CaptureQueriesContext]
) -> None:
    cast.make_course(patient, [NOW + timedelta(days=day) for day in range(1, sessions + 1)], now=NOW)
    feed = feeds.open_feed(patient, now=NOW)
    path = path_of(feed)
    with django_assert_num_queries(11):
        etag = Client().get(path)["ETag"]
    with django_assert_num_queries(3):
        assert Client(headers={"if-none-match": etag}).get(path).status_code == 304


def test_feed_of_another_patient_shows_nothing_of_this_one(feed: CalendarFeed, stranger: Patient) -> None:
    cast.make_course(stranger, [NOW + timedelta(days=3)], now=NOW)
    theirs = feeds.open_feed(stranger, now=NOW)
    mine, other = events_of(read(feed)), events_of(read(theirs))
    assert (len(mine), len(other)) == (3, 1)
    assert {event[0] for event in mine}.isdisjoint(event[0] for event in other)


def test_bytes_of_two_readings_are_the_same(feed: CalendarFeed, clock: time_machine.Traveller) -> None:
    before = read(feed).content
    CalendarFeed.objects.update(state="")
    clock.move_to(datetime(2026, 11, 23, 18, tzinfo=UTC))
    after = read(feed)
    assert after.content == before
    assert after["Last-Modified"] == "Mon, 23 Nov 2026 13:00:00 GMT"
