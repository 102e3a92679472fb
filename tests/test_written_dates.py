"""Written dates: repeatable, right, and never two dates for one text."""

from __future__ import annotations

import datetime
import re

import pytest

from pyseq.data.written_dates import FIRST_YEAR, LAST_YEAR, LOCALES, Example, WrittenDates

dates = pytest.importorskip("babel.dates", reason="pip install babel")


def test_a_seed_gives_the_same_dates() -> None:
    assert WrittenDates(5).sample(50) == WrittenDates(5).sample(50)
    assert WrittenDates(5).sample(50) != WrittenDates(6).sample(50)


def test_no_text_stands_for_two_dates() -> None:
    found: dict[str, str] = {}
    for example in WrittenDates(1).sample(60_000):
        assert found.setdefault(example.text, example.iso) == example.iso, example


def test_dates_are_of_the_promised_years_and_their_numbers_stand_in_the_text() -> None:
    for example in WrittenDates(2).sample(5000):
        date = datetime.date.fromisoformat(example.iso)
        assert FIRST_YEAR <= date.year <= LAST_YEAR
        assert str(date.year) in example.text
        assert re.search(rf"(?<!\d)0?{date.day}(?!\d)", example.text.replace(str(date.year), " ")), example


def test_own_formats_are_those_of_babel() -> None:
    """Every text of the kind that Babel writes itself is what Babel writes."""
    written = {example.text: example for example in WrittenDates(3).sample(20_000)}
    checked = 0
    for example in list(written.values())[:100]:
        date = datetime.date.fromisoformat(example.iso)
        forms = {dates.format_date(date, length, locale) for locale in LOCALES for length in ("medium", "long", "full")}
        checked += example.text in forms
    assert checked > 25


def test_examples_have_a_text_and_an_iso_form() -> None:
    example = WrittenDates(4).sample(1)[0]
    assert isinstance(example, Example)
    assert datetime.date.fromisoformat(example.iso).isoformat() == example.iso
