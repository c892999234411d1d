"""Reading a referral list: what every column may hold, and one clear sentence for each fault."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest

from scheduling.referral_file import Fault, FileFault, Referral, read_referrals
from scheduling.referral_values import parse_day, parse_moment, parse_spans, parse_weekly

TODAY = date(2026, 11, 23)
HEADER = (
    "referral_id,patient_reference,given_name,family_name,birth_date,email,phone,language,protocol,"
    "earliest_start,latest_start,preferred_time,availability,unavailable,anchor_on"
)
GOOD = "R-1,P-1,Ada,Abbott,1984-03-09,ada@mail.example,+1 555 0101,es,tms,+2,2026-12-10,9:30,mon-fri 8:00-12:00,+5,"


def read(*lines: str, header: str = HEADER):
    return read_referrals("\n".join([header, *lines]).encode(), today=TODAY)


def faults_of(*lines: str, header: str = HEADER) -> list[str]:
    return [str(fault) for fault in read(*lines, header=header).faults]


def refusal_of(content: bytes) -> str:
    with pytest.raises(FileFault) as caught:
        read_referrals(content, today=TODAY)
    return str(caught.value)


def test_a_row_is_read_whole():
    assert read(GOOD).referrals == (
        Referral(
            line=2,
            referral_id="R-1",
            patient_reference="P-1",
            given_name="Ada",
            family_name="Abbott",
            birth_date=date(1984, 3, 9),
            email="ada@mail.example",
            phone="+1 555 0101",
            language="es",
            protocol="tms",
            earliest_start=date(2026, 11, 25),
            latest_start=date(2026, 12, 10),
            preferred_time=time(9, 30),
            availability={day: [["08:00", "12:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
            unavailable=((date(2026, 11, 28), date(2026, 11, 28)),),
            anchor_on=None,
        ),
    )


def test_columns_may_stand_in_any_order_and_the_optional_ones_may_be_left_out():
    header = "\ufeffLatest_Start,earliest_start,protocol,family_name,given_name,referral_id,phone"
    listed = read("+9,-3,tms,Abbott,Ada,R-1,+1 555 0101", "", header=header)
    assert [(row.earliest_start, row.latest_start, row.language, row.preferred_time) for row in listed.referrals] == [
        (date(2026, 11, 20), date(2026, 12, 2), "en", None)
    ]
    assert listed.faults == ()


def test_an_anchored_course_starts_on_the_day_of_the_operation():
    listed = read("R-1,,Ada,Abbott,,,+1 555 0101,,dbs,,,,,,-12 07:30")
    assert [(row.anchor_on, row.earliest_start, row.latest_start) for row in listed.referrals] == [
        (datetime(2026, 11, 11, 7, 30), date(2026, 11, 11), date(2026, 11, 11))  # noqa: DTZ001
    ]


def test_all_faults_of_a_row_are_told_and_good_rows_are_kept():
    bad = "R-2,,,Bell,09.03.1984,nobody,,fr,,tomorrow,+1,25:00,sundays,+9 to +5,noon"
    listed = read(GOOD, bad)
    assert [row.line for row in listed.referrals] == [2]
    assert [str(fault) for fault in listed.faults] == [
        "line 3, anchor_on: is not a date such as 2026-12-01, or days from the day of import such as +7 or -30, "
        "with a time of day such as 07:30 after it.",
        "line 3, availability: is not days and times such as mon-fri 08:00-12:00; sat 09:00-11:00.",
        "line 3, birth_date: is not a date such as 1984-03-09.",
        "line 3, earliest_start: must be empty where anchor_on is given: the course starts on that day.",
        "line 3, email: is not an e-mail address.",
        "line 3, given_name: is empty.",
        "line 3, language: is not one of en, es.",
        "line 3, latest_start: must be empty where anchor_on is given: the course starts on that day.",
        "line 3, preferred_time: is not a time of day such as 09:30.",
        "line 3, protocol: is empty.",
        "line 3, unavailable: has a span that ends before it begins.",
    ]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("R-1,,Ada,Abbott,,,+1 555,,tms,,+3,,,,", "earliest_start: is empty."),
        ("R-1,,Ada,Abbott,,,+1 555,,tms,+4,+3,,,,", "latest_start: lies before earliest_start."),
        ("R-1,,Ada,Abbott,,,+1 555,,tms,-9,-1,,,,", "latest_start: lies in the past."),
        ("R-1,,Ada,Abbott,,,+1 555,,tms,2026-02-30,+3,,,,",
         "earliest_start: is not a date such as 2026-12-01, or days from the day of import such as +7 or -30."),
        ("R-1,,Ada,Abbott,2030-01-01,,+1 555,,tms,+1,+3,,,,", "birth_date: lies in the future, or before 1900."),
        ("R-1,,Ada,Abbott,,,,,tms,+1,+3,,,,",
         "phone: is empty, and so is email: the patient could not be told anything."),
        ("R-1,,Ada,Abbott,,,+1 555,,tms,+1,+3,,mon 12:00-08:00,,",
         "availability: has a time that ends before it begins."),
        (f"R-1,,{'A' * 81},Abbott,,,+1 555,,tms,+1,+3,,,,", "given_name: is longer than 80 characters."),
        ('R-1,,"A\nda",Abbott,,,+1 555,,tms,+1,+3,,,,', "given_name: holds a character that cannot be printed."),
        ("R-1,,Ada,Ab\u200bbott,,,+1 555,,tms,+1,+3,,,,", "family_name: holds a character that cannot be printed."),
        ("R-1,,Ada,Abbott,,,abc,,tms,+1,+3,,,,", "phone: is not a phone number such as +1 212 555 0101."),
        ("R-1,,A\0da,Abbott,,,+1 555,,tms,+1,+3,,,,", "given_name: holds a character that cannot be printed."),
    ],
)  # fmt: skip
def test_a_fault_names_line_column_and_reason(row, fault):
    assert faults_of(row) == [f"line 2, {fault}"]


def test_a_number_that_stands_twice_is_refused_the_second_time():
    assert faults_of(GOOD, "", GOOD) == ["line 4, referral_id: stands on line 2 too."]


def test_lines_are_counted_as_an_editor_counts_them():
    two_lines = GOOD.replace("R-1", '"R\n-0"')
    assert read(two_lines, GOOD, "R-3,too,short").faults == (
        Fault(2, "referral_id", "holds a character that cannot be printed."),
        Fault(5, "", "has 3 values where the header names 15 columns."),
    )


def test_a_quotation_mark_that_is_never_closed_is_told():
    assert faults_of(GOOD, '"R-2,,Ada') == ["line 3: the quotation marks do not match."]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"\n \n", "The file is empty."),
        (HEADER.encode(), "The file has a header, but no referrals."),
        (f"{HEADER}\nR-1,,Zo\xeb".encode("latin-1"), "Line 2 is not UTF-8: save the file as CSV in UTF-8."),
        (HEADER.replace(",", ";").encode(),
         "The columns are not separated by commas: save the file as CSV with commas."),
        (b"referral_id,given_name,family_name,latest_start\n", "The header lacks columns: protocol."),
        (f"{HEADER},phone\n".encode(), "The header names a column twice: phone."),
    ],
)  # fmt: skip
def test_a_file_that_is_no_referral_list_is_refused_in_one_sentence(content, sentence):
    assert refusal_of(content) == sentence


def test_a_file_without_a_header_is_refused_without_repeating_its_first_patient():
    sentence = refusal_of(f"{GOOD}\n".encode())
    assert sentence.startswith("The header names unknown columns (number 1, 2, 3, 4, 5,")
    assert "Abbott" not in sentence


def test_weekly_availability_is_read_as_people_write_it():
    text = "Mon, Wed 8:00 - 12:00; tuesday 14:00-17:00 08:00-11:00; sat–sun 20:00-24:00; fri-fri 9:00-10:00"
    assert parse_weekly(text) == {
        "mon": [["08:00", "12:00"]],
        "tue": [["08:00", "11:00"], ["14:00", "17:00"]],
        "wed": [["08:00", "12:00"]],
        "fri": [["09:00", "10:00"]],
        "sat": [["20:00", "24:00"]],
        "sun": [["20:00", "24:00"]],
    }
    assert list(parse_weekly("fri-mon 08:00-12:00")) == ["mon", "fri", "sat", "sun"]


@pytest.mark.parametrize("text", ["mo 08:00-12:00", "mon", "08:00-12:00", "mon 08:00", "mon-", "mon 8-12", "any"])
def test_anything_else_is_not_availability(text):
    with pytest.raises(ValueError, match=r"is not|has a time"):
        parse_weekly(text)


def test_days_are_dates_or_counted_from_the_day_of_import():
    assert [parse_day(text, today=TODAY) for text in ("+7", "-30", "+0", "2027-02-28")] == [
        date(2026, 11, 30),
        date(2026, 10, 24),
        TODAY,
        date(2027, 2, 28),
    ]
    assert parse_spans("2026-12-24 to 2026-12-27; +1 ;", today=TODAY) == (
        (date(2026, 12, 24), date(2026, 12, 27)),
        (date(2026, 11, 24), date(2026, 11, 24)),
    )


@pytest.mark.parametrize("parse", [parse_day, parse_moment, parse_spans])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "-9999"])
def test_days_that_nobody_can_mean_are_refused(parse, day):
    text = f"{day} 09:00" if parse is parse_moment else day
    with pytest.raises(ValueError, match=r"^lies more than ten years away\.$"):
        parse(text, today=TODAY)
