"""Reading a referral list: CSV in, referrals and faults out. docs/referrals.md documents the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from clinic.models import Language
from clinic.patient_rules import find_contact_fault, find_phone_fault, find_text_fault
from scheduling.referral_values import (
    Weekly,
    parse_clock,
    parse_day,
    parse_moment,
    parse_past_day,
    parse_spans,
    parse_weekly,
)

LONGEST = {
    "referral_id": 60,
    "patient_reference": 60,
    "given_name": 80,
    "family_name": 80,
    "email": 254,
    "phone": 40,
    "protocol": 60,
}
REQUIRED = ("referral_id", "given_name", "family_name", "protocol")
COLUMNS = (
    "referral_id", "patient_reference", "given_name", "family_name", "birth_date", "email", "phone", "language",
    "protocol", "earliest_start", "latest_start", "preferred_time", "availability", "unavailable", "anchor_on",
)  # fmt: skip
UNKNOWN_PROTOCOL = "is not the code of a protocol that is published here."
START = ("earliest_start", "latest_start")
KNOWN = f"the known ones are {', '.join(COLUMNS)}."


class FileFault(Exception):
    """Why nothing of the file can be read, in one sentence."""


@dataclass(frozen=True, order=True)
class Fault:
    """One fault of one row. Its text never repeats what stands in the file."""

    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True)
class Referral:
    line: int
    referral_id: str
    patient_reference: str
    given_name: str
    family_name: str
    birth_date: date | None
    email: str
    phone: str
    language: str
    protocol: str
    earliest_start: date
    latest_start: date
    preferred_time: time | None
    availability: Weekly | None
    unavailable: tuple[tuple[date, date], ...]
    anchor_on: datetime | None
    """The wall-clock time, at the site, of the operation that the course counts from."""


@dataclass(frozen=True)
class ReferralList:
    referrals: tuple[Referral, ...]
    faults: tuple[Fault, ...]


def read_referrals(content: bytes, *, today: date, protocols: Container[str] | None = None) -> ReferralList:
    """Every good row, and every fault of every bad one. `today` is the day relative dates are counted from.

    `protocols` are the codes that are published, for rows that are refused anyway: a good row is the import's, which
    may know the referral from a time when its protocol was.
    """
    reader = csv.reader(io.StringIO(_decode(content), newline=""), strict=True)
    header = _read_header(reader)
    referrals: list[Referral] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for line, cells in _read_rows(reader):
        found = (
            cells
            if isinstance(cells, Fault)
            else _read_row(line, header, cells, today=today, seen=seen, protocols=protocols)
        )
        if isinstance(found, Referral):
            referrals.append(found)
        else:
            faults += [found] if isinstance(found, Fault) else found
    if not referrals and not faults:
        raise FileFault("The file has a header, but no referrals.")
    return ReferralList(tuple(referrals), tuple(faults))


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileFault(f"Line {line} is not UTF-8: save the file as CSV in UTF-8.") from None
    if not text.strip():
        raise FileFault("The file is empty.")
    return text


def _read_header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip().lower() for name in next(reader)]
    except csv.Error:
        raise FileFault("Line 1 is not CSV: its quotation marks do not match.") from None
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise FileFault("The columns are not separated by commas: save the file as CSV with commas.")
    if unknown := [str(number) for number, name in enumerate(header, start=1) if name not in COLUMNS]:
        # By number: a file without a header begins with a patient.
        raise FileFault(f"The header names unknown columns (number {', '.join(unknown)}): {KNOWN}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise FileFault(f"The header names a column twice: {', '.join(twice)}.")
    if missing := [name for name in REQUIRED if name not in header]:
        raise FileFault(f"The header lacks columns: {', '.join(missing)}.")
    return header


def _read_rows(reader: Any) -> Iterator[tuple[int, list[str] | Fault]]:
    """Each row with the line it begins on; blank lines are passed over."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, Fault(line, "", "the quotation marks do not match.")
            continue
        if any(cell.strip() for cell in cells):
            yield line, [cell.strip() for cell in cells]


def _read_row(
    line: int,
    header: list[str],
    cells: list[str],
    *,
    today: date,
    seen: dict[str, int],
    protocols: Container[str] | None,
) -> Referral | list[Fault]:
    if len(cells) != len(header):
        return [Fault(line, "", f"has {len(cells)} values where the header names {len(header)} columns.")]
    row = _Row(line, dict(zip(header, cells, strict=True)))
    referral = row.read(today=today)
    first_line = seen.setdefault(row.cells["referral_id"], line)
    if row.cells["referral_id"] and first_line != line:
        row.complain("referral_id", f"stands on line {first_line} too.")
    if row.faults and protocols is not None:
        row.check_protocol(protocols)
    return sorted(row.faults) if row.faults or referral is None else referral


class _Row:
    """Reads the cells of one row and gathers all their faults."""

    def __init__(self, line: int, cells: dict[str, str]) -> None:
        self.line = line
        self.cells = {column: cells.get(column, "") for column in COLUMNS}
        self.faults: list[Fault] = []

    def complain(self, column: str, reason: str) -> None:
        self.faults.append(Fault(self.line, column, reason))

    def read(self, *, today: date) -> Referral | None:
        texts = {column: self._read_text(column) for column in LONGEST}
        anchor_on = self._parse("anchor_on", lambda text: parse_moment(text, today=today))
        earliest, latest = self._read_start(today=today, anchor_on=anchor_on)
        values: dict[str, Any] = {
            **texts,
            "birth_date": self._parse("birth_date", lambda text: parse_past_day(text, today=today)),
            "language": self._read_language(),
            "preferred_time": self._parse("preferred_time", parse_clock),
            "availability": self._parse("availability", parse_weekly),
            "unavailable": self._parse("unavailable", lambda text: parse_spans(text, today=today)) or (),
            "anchor_on": anchor_on,
        }
        self._check_contact()
        if earliest is None or latest is None or self.faults:
            return None
        return Referral(line=self.line, earliest_start=earliest, latest_start=latest, **values)

    def check_protocol(self, known: Container[str]) -> None:
        code = self.cells["protocol"]
        if code and code not in known and not any(fault.column == "protocol" for fault in self.faults):
            self.complain("protocol", UNKNOWN_PROTOCOL)

    def _read_text(self, column: str) -> str:
        text = self.cells[column]
        if not text and column in REQUIRED:
            self.complain(column, "is empty.")
        elif len(text) > LONGEST[column]:
            self.complain(column, f"is longer than {LONGEST[column]} characters.")
        elif fault := find_phone_fault(text) if column == "phone" else find_text_fault(text):
            self.complain(column, fault)
        return text

    def _parse(self, column: str, parse: Callable[[str], Any]) -> Any:
        if not self.cells[column]:
            return None
        try:
            return parse(self.cells[column])
        except ValueError as error:
            self.complain(column, str(error))
            return None

    def _read_start(self, *, today: date, anchor_on: datetime | None) -> tuple[date | None, date | None]:
        """A course that counts from an operation starts on its day; any other says when it may start."""
        if self.cells["anchor_on"]:
            for column in ("earliest_start", "latest_start"):
                if self.cells[column]:
                    self.complain(column, "must be empty where anchor_on is given: the course starts on that day.")
            day = anchor_on.date() if anchor_on else None
            return day, day
        days = [self._parse(column, lambda text: parse_day(text, today=today)) for column in START]
        for column in START:
            if not self.cells[column]:
                self.complain(column, "is empty.")
        if None not in days and days[1] < days[0]:
            self.complain("latest_start", "lies before earliest_start.")
        elif days[1] and days[1] < today:
            self.complain("latest_start", "lies in the past.")
        return days[0], days[1]

    def _read_language(self) -> str:
        language = self.cells["language"].lower() or Language.ENGLISH
        if language not in Language.values:
            self.complain("language", f"is not one of {', '.join(Language.values)}.")
        return language

    def _check_contact(self) -> None:
        email = self.cells["email"]
        if fault := find_contact_fault(email=email, phone=self.cells["phone"]):
            self.complain("phone", fault)
        if email:
            try:
                validate_email(email)
            except ValidationError:
                self.complain("email", "is not an e-mail address.")
