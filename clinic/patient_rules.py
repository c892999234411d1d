"""What a patient's record may hold: the same for the form, the API and the referral list.

A fault is the rest of a sentence that begins with the name of the field, and never repeats what stands there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError

from clinic.models import BY_EMAIL, ReminderChannel

EARLIEST_BIRTH = date(1900, 1, 1)
NUMBER = re.compile(r"\+?[0-9 ().\-/]+( *(x|ext\.?) *[0-9]+)?", re.IGNORECASE)
FEWEST_DIGITS = 4
PRINTED = ("given_name", "family_name", "reference")


def find_text_fault(text: str) -> str:
    """Control characters, and those without width or against the direction, would make two names look like one."""
    return "" if text.isprintable() else "holds a character that cannot be printed."


def find_phone_fault(text: str) -> str:
    if not text or (NUMBER.fullmatch(text) and len(re.findall(r"[0-9]", text)) >= FEWEST_DIGITS):
        return ""
    return find_text_fault(text) or "is not a phone number such as +1 212 555 0101."


def find_birth_date_fault(day: date | None, *, today: date) -> str:
    return "" if day is None or EARLIEST_BIRTH <= day <= today else "lies in the future, or before 1900."


def find_contact_fault(*, email: str, phone: str) -> str:
    return "" if email or phone else "is empty, and so is email: the patient could not be told anything."


def find_patient_faults(values: Mapping[str, Any], *, today: date) -> dict[str, str]:
    """The faults of a record by field. A field that is left out is not known to be empty."""
    faults = {name: find_text_fault(values.get(name) or "") for name in PRINTED}
    faults["birth_date"] = find_birth_date_fault(values.get("birth_date"), today=today)
    faults["phone"] = find_phone_fault(values.get("phone") or "")
    if "email" in values and "phone" in values:
        faults["phone"] = faults["phone"] or find_contact_fault(email=values["email"], phone=values["phone"])
    if "email" in values and not values["email"] and values.get("channel") in BY_EMAIL:
        faults["channel"] = "says e-mail, but there is no e-mail address."
    if "phone" in values and not values["phone"] and values.get("reminders_by") == ReminderChannel.SMS:
        faults["reminders_by"] = "says text messages, but there is no phone number."
    return {name: f"This {fault}" for name, fault in faults.items() if fault}


def refuse_patient_faults(values: Mapping[str, Any], *, today: date) -> None:
    if faults := find_patient_faults(values, today=today):
        raise ValidationError(dict(faults))
