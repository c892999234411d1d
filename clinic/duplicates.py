"""Patients who may be the same person."""

from __future__ import annotations

import re

from django.db.models import F, Func, Q, QuerySet, Value

from clinic.models import Patient

SHORTEST_PHONE = 7


def find_duplicates(patient: Patient, *, among: QuerySet[Patient]) -> QuerySet[Patient]:
    """Others of the same name and birth date, or with the same phone number however it is written."""
    same = Q(
        family_name__iexact=patient.family_name,
        given_name__iexact=patient.given_name,
        birth_date=patient.birth_date,
        birth_date__isnull=False,
    )
    digits = re.sub(r"\D", "", patient.phone)
    if len(digits) >= SHORTEST_PHONE:
        among = among.annotate(digits=Func(F("phone"), Value(r"\D"), Value(""), Value("g"), function="regexp_replace"))
        same |= Q(digits=digits)
    return among.filter(same).exclude(pk=patient.pk)
