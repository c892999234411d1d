"""Find a patient by what the caller says: name, phone number, birth date, in any order."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime

from django.db.models import F, Func, Q, QuerySet, Value

from clinic.models import Patient

PHONE = re.compile(r"[+()\d.\-/]+")
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")


def find_patients(patients: QuerySet[Patient], text: str) -> QuerySet[Patient]:
    """The patients that every word fits: a date is a birth date, digits a phone number, the rest a name."""
    words, phone = [], ""
    for word in text.replace(",", " ").split():
        if (born := read_date(word)) is not None:
            patients = patients.filter(birth_date=born)
        elif PHONE.fullmatch(word):
            phone += re.sub(r"\D", "", word)
        else:
            words.append(word)
    for word in words:
        fits = Q(family_name__icontains=word) | Q(given_name__icontains=word) | Q(reference__iexact=word)
        patients = patients.filter(fits)
    return _with_phone(patients, phone) if phone else patients


def _with_phone(patients: QuerySet[Patient], digits: str) -> QuerySet[Patient]:
    bare = Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace")
    return patients.annotate(bare_phone=bare).filter(Q(bare_phone__contains=digits) | Q(reference=digits))


def read_date(word: str) -> date | None:
    for pattern in DATE_FORMATS:
        with suppress(ValueError):
            return datetime.strptime(word, pattern).date()  # noqa: DTZ007 - a birth date has no zone
    return None
