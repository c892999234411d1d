"""Words that would tell a bystander what the appointment is for. No message may hold one (45 CFR 164.522(b))."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

CLINICAL_WORDS = (
    # drugs
    "esketamine", "ketamine", "spravato", "nasal", "spray", "infusion", "infused", "intravenous", "iv", "injection",
    "intramuscular", "sublingual", "lozenge", "troche", "dose", "doses", "dosing", "drug", "drugs",
    "anesthetic", "anesthesia", "sedation", "sedative", "sedating", "sedated",
    # devices
    "tms", "rtms", "dtms", "itbs", "theta", "burst", "magnetic", "magnet", "stimulation", "stimulator",
    "neuromodulation", "transcranial", "coil", "tdcs", "electrode", "electrodes", "vns", "scs", "dbs", "vagus",
    "implant", "implanted",
    "device", "neurostar", "brainsway", "saint", "mapping", "motor threshold", "h1", "h4", "h7",
    # diagnoses and specialties
    "depression", "depressive", "mdd", "trd", "mdsi", "suicidal", "suicide", "ocd", "obsessive", "anxiety", "ptsd",
    "bipolar", "smoking", "nicotine", "addiction", "substance", "migraine", "fibromyalgia", "neuropathic", "crps",
    "pain", "psychiatry", "psychiatric", "psychiatrist", "mental", "neurology", "diagnosis", "disorder", "disease",
    # what the course is
    "treatment", "therapy", "treatments", "induction", "maintenance", "booster", "taper", "protocol", "rems",
)  # fmt: skip
NAMED = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in CLINICAL_WORDS)})(?!\w)", re.IGNORECASE)
COUNTED = re.compile(r"\b\d+\s*(?:of|/)\s*\d+\b|\b(?:session|visit)\s+(?:no\.?\s*)?\d+\b", re.IGNORECASE)


def names_treatment(text: str) -> bool:
    return bool(clinical_words(text))


def clinical_words(text: str) -> list[str]:
    """Every drug, device, diagnosis or course count that the text names."""
    return NAMED.findall(text) + COUNTED.findall(text)


def refuse_clinical_words(name: str) -> None:
    """A name that every message bears must not say what the appointments are for."""
    if found := clinical_words(name):
        raise ValidationError(
            f"Patients' messages bear this name; {found[0]!r} in it would tell others what they are for."
        )
