"""A phone number as the world's networks know it."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat


def to_e164(text: str, *, country: str) -> str:
    """The number as +12125550101, or nothing where it is none that a text message can reach.

    A number without a country's prefix is one of `country`. Behind an extension sits a switchboard.
    """
    try:
        number = phonenumbers.parse(text, country or None)
    except NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
