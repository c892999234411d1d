"""Words that would tell a bystander what the appointment is for. No message may hold one (45 CFR 164.522(b))."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

CLINICAL_WORDS = (
    # drugs
    "esketamine", "ketamine", "spravato", "nasal", "spray", "infusion", "infused", "intravenous", "iv", "injection",
    "intramuscular", "sublingual", "lozenge", "troche", "dose", "dosed", "dosage", "dosing", "drug", "drugs",
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
    "esketamina", "escetamina", "ketamina", "aerosol", "aerosoles", "espray", "esprays", "nasales",
    "infusión", "infundir", "intravenosa", "intravenoso", "inyección", "dosis", "fármaco", "fármacos", "droga",
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
# Whatever begins so, in either language: "psychotherapy", "depressed", "antidepresivo", "inyectar".
STEMS = (
    "psych", "psiquia", "psíqui", "psico", "psicó", "antidepres", "antipsi", "depress", "depresi", "deprim", "anest",
    "anaest", "anesth", "esketamin", "ketamin", "inject", "inyec", "infus", "infund", "suicid", "addict", "adicci",
    "adict", "diagnos", "diagnós", "stimulat", "estimula", "neurol", "neuromod", "neurost", "transcran", "sedat",
    "hypno", "hipno", "obses",
)  # fmt: skip
ACCENTS = str.maketrans("áéíóúüñ", "aeiouun")
# No plural: "Dolores" is a name.
SINGULAR = {"dolor"}
# In an address these are a saint, a king, a door.
IN_ADDRESSES = {"saint", "saints", "iv", "h1", "h4", "h7"}


def forms_of(word: str, *, plural: str) -> str:
    """A pattern of the word and its plural. Abbreviations have none: "Ives" is a name."""
    bare = re.escape(word)
    if len(word) < 4 or word in SINGULAR:
        return bare
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{bare[:-1]}(?:y|ies)"
    return f"{bare}s?" if word[-1] in "aeiou" else f"{bare}(?:{plural})?"


SPANISH = {*SPANISH_WORDS, *(word.translate(ACCENTS) for word in SPANISH_WORDS)}
PATTERNS = {
    *(forms_of(word, plural="s") for word in CLINICAL_WORDS),
    *(forms_of(word, plural="es") for word in SPANISH),
    *(rf"{stem}\w*" for stem in STEMS),
}
NAMED = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(PATTERNS))})(?!\w)", re.IGNORECASE)
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
    refuse("name", clinical_words(name))


def refuse_clinical_address(address: str) -> None:
    """It stands in every event. House numbers count nothing, and Saint James has a street."""
    refuse("address", [word for word in NAMED.findall(address) if word.casefold() not in IN_ADDRESSES])


def refuse(what: str, found: list[str]) -> None:
    if found:
        raise ValidationError(
            f"Patients' messages bear this {what}; {found[0]!r} in it would tell others what they are for."
        )
