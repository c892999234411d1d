"""What counts as a phone number and as a date of birth, for the form, the API and the referral list alike."""

from datetime import date

import pytest

from clinic.patient_rules import find_birth_date_fault, find_phone_fault

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    "text", ["", "+1 555 0101", "(555) 010-4242", "030/12345-67", "+49.30.1234 ext. 12", "5550101x9"]
)
def test_a_phone_number_may_be_written_as_people_write_it(text):
    assert find_phone_fault(text) == ""


@pytest.mark.parametrize("text", ["1", "123", "abc", "+", "none 5550101", "5550101\n", "٠١٢٣٤"])
def test_anything_else_is_not_a_phone_number(text):
    assert find_phone_fault(text) != ""


def test_a_date_of_birth_lies_between_1900_and_today():
    fault = "lies in the future, or before 1900."
    days = (None, date(1900, 1, 1), TODAY, date(1899, 12, 31), date(2026, 11, 24))
    assert [find_birth_date_fault(day, today=TODAY) for day in days] == ["", "", "", fault, fault]
