"""Public holidays of a country or a part of it, offered as closures; nobody is closed unasked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.core.exceptions import ValidationError


@dataclass(frozen=True, order=True)
class PublicHoliday:
    on: date
    name: str


def list_countries() -> dict[str, list[str]]:
    """The countries that are known, each with its subdivisions."""
    import holidays  # a large package that only these pages need

    return {code: parts for code, parts in sorted(holidays.list_supported_countries().items()) if len(code) == 2}


def validate_region(country: str, subdivision: str) -> None:
    """Refuse a country or a part of it that is not known, naming the field; none at all is good."""
    if not country and not subdivision:
        return
    if not country:
        raise ValidationError({"holiday_country": "Give the country of this subdivision, such as US."})
    known = list_countries()
    if country not in known:
        raise ValidationError({"holiday_country": f"{country!r} is not a country code; the United States is US."})
    if subdivision and subdivision not in known[country]:
        parts = ", ".join(known[country]) or "it has none"
        raise ValidationError({"holiday_subdivision": f"{subdivision!r} is not a subdivision of {country}: {parts}."})


def list_public_holidays(*, country: str, subdivision: str, years: Iterable[int]) -> list[PublicHoliday]:
    import holidays

    found = holidays.country_holidays(country, subdiv=subdivision or None, years=list(years))
    return sorted(PublicHoliday(on, name) for on, name in found.items())
