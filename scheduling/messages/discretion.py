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
# With their accents; people also write without. "Dolores" is a name, "vago" an everyday word: they are not here.
SPANISH_WORDS = (
    # drugs
    "esketamina", "escetamina", "ketamina", "aerosol", "aerosoles", "espray", "nasales", "infusión", "infusiones",
    "infundir", "intravenosa", "intravenoso", "inyección", "inyecciones", "dosis", "fármaco", "fármacos", "droga",
    "drogas", "anestésico", "anestesia", "sedación", "sedante", "sedantes", "sedado", "sedada",
    # devices
    "emt", "emtr", "magnética", "magnético", "imán", "estimulación", "estimulador", "neuromodulación", "transcraneal",
    "bobina", "electrodo", "electrodos", "nervio vago", "implante", "implantado", "implantada", "dispositivo", "mapeo",
    "umbral motor",
    # diagnoses and specialties
    "depresión", "depresivo", "depresiva", "suicida", "suicidio", "toc", "obsesivo", "obsesiva", "ansiedad", "tept",
    "tabaquismo", "fumar", "nicotina", "adicción", "adicciones", "sustancia", "sustancias", "migraña", "fibromialgia",
    "neuropático", "neuropática", "sdrc", "dolor", "psiquiatría", "psiquiátrico", "psiquiátrica", "psiquiatra",
    "neurología", "diagnóstico", "trastorno", "enfermedad",
    # what the course is
    "tratamiento", "tratamientos", "terapia", "terapias", "inducción", "mantenimiento", "refuerzo", "protocolo",
)  # fmt: skip
ACCENTS = str.maketrans("áéíóúüñ", "aeiouun")
NAMES = {*CLINICAL_WORDS, *SPANISH_WORDS, *(word.translate(ACCENTS) for word in SPANISH_WORDS)}
NAMED = re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(word) for word in sorted(NAMES))})(?!\w)", re.IGNORECASE)
COUNTED = re.compile(
    r"\b\d+\s*(?:of|de|/)\s*\d+\b"
    r"|\b(?:session|visit|sesi[oó]n|visita)\s+(?:(?:no|n\.?º|núm)\.?\s*)?\d+\b(?!\s+de\s+[a-z])",
    re.IGNORECASE,
)


def names_treatment(text: str) -> bool:
    return bool(clinical_words(text))


def clinical_words(text: str) -> list[str]:
    """Every drug, device, diagnosis or course count that the text names, in English or in Spanish."""
    return NAMED.findall(text) + COUNTED.findall(text)


def refuse_clinical_words(name: str) -> None:
    """A name that every message bears must not say what the appointments are for."""
    if found := clinical_words(name):
        raise ValidationError(
            f"Patients' messages bear this name; {found[0]!r} in it would tell others what they are for."
        )
