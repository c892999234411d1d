"""What a visit is called to a patient who has agreed to messages that name the treatment."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from protocols.models.protocol import Family
from scheduling.messages.sender import one_line
from scheduling.models import Session

# The names of the library's visits, for the catalogue. What a clinic calls its own is said as it stands.
LIBRARY_NAMES = (
    gettext_noop("Adjustment visit"),
    gettext_noop("Check of the trial"),
    gettext_noop("Combined treatment visit"),
    gettext_noop("Dosing visit"),
    gettext_noop("First programming"),
    gettext_noop("First visit with mapping"),
    gettext_noop("Incision check"),
    gettext_noop("Infusion visit"),
    gettext_noop("Injection visit"),
    gettext_noop("Long infusion visit"),
    gettext_noop("Removal of the trial leads"),
    gettext_noop("Stimulation session"),
    gettext_noop("Supervised oral dose"),
    gettext_noop("Switch-on visit"),
    gettext_noop("Treatment day of ten sessions"),
    gettext_noop("Treatment session"),
    gettext_noop("Video consult"),
    gettext_noop("Wound check and adjustment"),
)
FAMILIES = {
    Family.TMS: gettext_noop("TMS"),
    Family.SPRAVATO: "Spravato",
    Family.KETAMINE: gettext_noop("Ketamine"),
    Family.COMBINED: gettext_noop("Ketamine and TMS"),
}


def visit_name(session: Session) -> str:
    """Treatment and visit, such as `Spravato: dosing visit`. The protocol's full name may hold a diagnosis."""
    visit = _(one_line(session.visit_type.name))
    family = FAMILIES.get(Family(session.course.version.protocol.family))
    return f"{_(family)}: {begin_small(visit)}" if family else visit


def begin_small(name: str) -> str:
    """Within a sentence; an abbreviation such as `IV infusion` stays as it is."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]
