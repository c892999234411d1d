"""Protocols in the admin: every value with its source, own drafts edited and published, the rest read-only."""

import pytest
from django.urls import reverse

from protocols.lifecycle import adopt_protocol
from protocols.models import Phase, Protocol, ProtocolVersion, Source
from tests import factories
from tests.scheduling.desk.forms import fill
from tests.scheduling.desk.pressing import told

pytestmark = pytest.mark.django_db


@pytest.fixture
def library(chair):
    """A protocol of the library with the source of one value."""
    version = factories.make_protocol(code="shared", publish=False)
    Source.objects.create(
        version=version,
        subject="phase main/phase-0",
        field="min_gap_hours",
        value="44",
        tag="LABEL",
        citation="The label",
    )
    ProtocolVersion.objects.filter(pk=version.pk).update(status="published", published_at=factories.NOW)
    return ProtocolVersion.objects.get(pk=version.pk)


@pytest.fixture
def draft(library, site, clinician):
    return adopt_protocol(library.protocol, site=site, now=factories.NOW, by=clinician)


@pytest.fixture
def at_work(client, clinician, clock):
    """The clinician's browser."""
    client.force_login(clinician)
    return client


def page_of(version):
    return reverse("admin:protocols_protocolversion_change", args=[version.pk])


def gap_of(page):
    (track,) = page.context["shape"]["tracks"]
    return dict(track["phases"][0]["values"])["Shortest gap"]


def test_each_value_shows_the_tag_of_its_source_and_the_page_says_to_check_the_label(at_desk, library):
    page = at_desk.get(page_of(library))
    gap = gap_of(page)
    assert (gap.text, gap.tag, gap.number, gap.is_changed) == ("44 hours", "LABEL", 1, False)
    assert page.context["shape"]["citations"] == [{"number": 1, "tag": "LABEL", "text": "The label"}]
    text = page.content.decode()
    assert "Values marked LABEL must be checked against the current prescribing information or device manual." in text
    assert '<a href="#source-1" class="badge tag LABEL">LABEL 1</a>' in text


def test_the_library_is_read_only_for_everybody(client, clinician, administrator, library, clock):
    phase = Phase.objects.get(track__version=library)
    for user in (clinician, administrator):
        client.force_login(user)
        page = client.get(page_of(library))
        assert (page.context["is_editable"], page.context["may_publish"]) == (False, False)
        track = reverse("admin:protocols_track_change", args=[phase.track_id])
        assert client.get(track).status_code in {403, 404}
        assert client.post(track, {"name": "other"}).status_code in {403, 404}
        assert client.post(reverse("admin:desk_protocol_discard", args=[library.pk])).status_code == 302
    assert ProtocolVersion.objects.filter(pk=library.pk).exists()


def test_a_clinician_adopts_a_protocol_for_the_clinic_once(at_work, library, site):
    assert at_work.get(page_of(library)).context["adopting"] == [site]
    page = at_work.post(reverse("admin:desk_protocol_adopt", args=[library.pk]), {"site": site.pk}, follow=True)
    own = Protocol.objects.get(site=site)
    assert told(page) == [f"{site} has its own draft now. The library does not change it any more."]
    assert (page.context["version"].protocol, page.context["is_editable"]) == (own, True)
    assert at_work.get(page_of(library)).context["adopting"] == []


def test_a_clinician_cannot_adopt_for_another_clinic(at_work, library, other_site):
    adopt = reverse("admin:desk_protocol_adopt", args=[library.pk])
    assert at_work.post(adopt, {"site": other_site.pk}).status_code == 404
    assert not Protocol.objects.filter(site=other_site).exists()


def test_a_draft_is_edited_and_a_changed_value_loses_its_source(at_work, draft):
    track = draft.tracks.get()
    form = reverse("admin:protocols_track_change", args=[track.pk])
    response = fill(at_work, form, "track_form", **{"phases-0-min_gap_hours": "48"})
    assert response.url == page_of(draft)
    gap = gap_of(at_work.get(page_of(draft)))
    assert (gap.text, gap.tag, gap.is_changed) == ("48 hours (2 days)", "", True)


def test_wrong_values_of_a_draft_are_named_at_their_field(at_work, draft):
    form = reverse("admin:protocols_track_change", args=[draft.tracks.get().pk])
    page = fill(at_work, form, "track_form", **{"phases-0-max_gap_hours": "10"})
    (formset,) = page.context["inline_admin_formsets"]
    assert formset.formset.errors == [{"max_gap_hours": ["The longest gap is shorter than the shortest."]}]


def test_parts_are_added_to_a_draft_of_the_own_clinic_only(at_work, draft, library, other_site):
    add = reverse("admin:protocols_gate_add")
    fields = {"code": "order", "name": "Prescriber's order", "moment": "booking"}
    assert at_work.post(f"{add}?version={draft.pk}", fields).url == page_of(draft)
    assert list(draft.gates.values_list("code", flat=True)) == ["order"]
    theirs = factories.make_protocol(code="theirs", site=other_site, publish=False)
    for version in (library, theirs):
        assert at_work.post(f"{add}?version={version.pk}", fields).status_code == 404
    assert at_work.get(add).status_code == 404


def test_what_is_due_after_a_visit_needs_its_days_and_shows_them(at_work, draft):
    add = f"{reverse('admin:protocols_gate_add')}?version={draft.pk}"
    fields = {"code": "form", "name": "Form sent", "moment": "after"}
    page = at_work.post(add, fields)
    assert page.context["adminform"].form.errors == {
        "due_days": ["Due days: give them for what is due after the visit, and only there."],
        "each_visit": ["What is due after the visit is due after every visit."],
    }
    assert at_work.post(add, {**fields, "due_days": "7", "each_visit": "on"}).url == page_of(draft)
    (shown,) = at_work.get(page_of(draft)).context["shape"]["gates"]
    assert (shown["moment"].text, shown["due"].text, shown["scope"]) == (
        "After the visit",
        "within 7 calendar days",
        "at every visit",
    )


def test_a_draft_is_published_when_it_can_be_planned(at_work, draft, clinician):
    page = at_work.post(reverse("admin:desk_protocol_publish", args=[draft.pk]), follow=True)
    draft.refresh_from_db()
    assert told(page) == ["Published. New courses can be booked on it."]
    assert (draft.status, draft.published_by) == ("published", clinician)
    assert at_work.get(reverse("admin:protocols_track_change", args=[draft.tracks.get().pk])).status_code == 403


def test_a_draft_that_can_never_be_planned_is_refused_with_the_reasons(at_work, draft):
    stage = draft.visit_types.get().stages.get()
    stage.minutes = 900
    stage.save()
    page = at_work.post(reverse("admin:desk_protocol_publish", args=[draft.pk]))
    draft.refresh_from_db()
    assert draft.status == "draft"
    assert page.context["faults"]
    for fault in page.context["faults"]:
        assert fault in page.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def test_a_published_version_is_copied_to_a_new_draft_which_can_be_discarded(at_work, draft):
    at_work.post(reverse("admin:desk_protocol_publish", args=[draft.pk]))
    page = at_work.post(reverse("admin:desk_protocol_copy", args=[draft.pk]), follow=True)
    copy = page.context["version"]
    assert (copy.protocol, copy.number, copy.status) == (draft.protocol, 2, "draft")
    at_work.post(reverse("admin:desk_protocol_discard", args=[copy.pk]))
    assert list(draft.protocol.versions.values_list("number", "status")) == [(1, "published")]


@pytest.mark.parametrize("name", ["adopt", "copy", "publish", "discard"])
def test_a_clerk_changes_no_protocol(at_desk, draft, library, name):
    version = library if name == "adopt" else draft
    assert at_desk.post(reverse(f"admin:desk_protocol_{name}", args=[version.pk])).status_code == 403
    page = at_desk.get(page_of(draft))
    assert (page.context["is_editable"], page.context["may_publish"], page.context["adopting"]) == (False, False, [])
    assert at_desk.get(reverse("admin:protocols_track_change", args=[draft.tracks.get().pk])).status_code == 403


def test_the_list_opens_the_newest_version(at_desk, draft):
    response = at_desk.get(reverse("admin:protocols_protocol_change", args=[draft.protocol_id]))
    assert response.url == page_of(draft)


def test_who_may_not_edit_is_told_who_can(client, site_admin, clinician, draft, library, clock):
    own = factories.make_protocol(code="own", site=draft.protocol.site)
    asked = {
        library: "To use other numbers here, ask a clinician of your clinic",
        draft: "A clinician of Clinic riverside edits and publishes this draft.",
        own: "To change something, ask a clinician of Clinic riverside",
    }
    client.force_login(site_admin)
    pages = {version: client.get(page_of(version)).content.decode() for version in asked}
    assert [text for version, text in asked.items() if text not in pages[version]] == []
    assert [
        act for page in pages.values() for act in ("/adopt/", "/copy/", "/publish/", "/discard/") if act in page
    ] == []
    client.force_login(clinician)
    assert [v for v, text in asked.items() if text in client.get(page_of(v)).content.decode()] == []


def test_each_phase_says_its_rhythm_in_words(at_desk, version):
    page = at_desk.get(reverse("admin:protocols_protocolversion_change", args=[version.pk]))
    (track,) = page.context["shape"]["tracks"]
    assert [phase["rhythm"] for phase in track["phases"]] == ["2 a week for 2 weeks"]
    assert (track["sessions"], track["is_open"]) == (4, False)
    assert "2 a week for 2 weeks" in page.content.decode()


def test_clinician_gives_an_instruction_its_spanish_and_reads_what_patients_would_not(at_work, draft):
    visit = draft.visit_types.get()
    row = visit.instructions.create(kind="other", minutes_before=60, text="No nasal spray after {time}.")
    page = at_work.get(page_of(draft))
    assert page.context["notes"] == [
        "Visit Visit: “No nasal spray after {time}.” names “nasal”, so messages leave it out. Patients read it only on "
        "their own page, behind the link in the mail.",
        "Visit Visit: “No nasal spray after {time}.” has no Spanish text; patients who read Spanish get it in English.",
    ]
    form = reverse("admin:protocols_visittype_change", args=[visit.pk])
    fill(at_work, form, "visittype_form", **{"instructions-0-text_es": "Sin aerosoles después de {time}."})
    row.refresh_from_db()
    assert row.text_es == "Sin aerosoles después de {time}."
    page = at_work.get(page_of(draft))
    assert len(page.context["notes"]) == 2 and "no Spanish text" not in page.content.decode()
    (shown,) = page.context["shape"]["visits"][0]["instructions"]
    assert shown["value"].text == "Other: No nasal spray after 60 minutes before the visit."
    assert '<span lang="es">Sin aerosoles después de {time}.</span>' in page.content.decode()


def test_page_of_the_library_has_no_notes_for_its_readers(at_desk, library):
    assert at_desk.get(page_of(library)).context["notes"] == ()
