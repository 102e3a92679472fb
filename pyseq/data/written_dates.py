"""Dates as people write them, in 55 languages and regions, with their ISO form: examples without end from a seed.

Babel knows how each place writes dates; its fields are looked up in tables here, since an example must cost
microseconds.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

# Croatian is left out: its names of months are those of other months in Polish and Czech.
# fmt: off
LOCALES = (
    "en_US", "en_GB", "en_AU", "de", "fr", "es", "pt_PT", "pt_BR", "it", "nl", "sv", "da", "nb", "nn", "fi", "is",
    "et", "lv", "lt", "pl", "cs", "sk", "sl", "hu", "ro", "bg", "ru", "uk", "be", "sr", "mk", "el", "tr", "az", "sq",
    "ca", "gl", "eu", "cy", "ga", "mt", "af", "sw", "id", "ms", "vi", "fil", "ja", "zh", "ko", "ar", "fa", "he",
    "hi", "th",
)
# fmt: on
FIRST_YEAR, LAST_YEAR = 1000, 2999
# What Babel calls a locale's own formats, and patterns in use beside them.
LENGTHS = ("medium", "long", "full")
COMMON = (
    "d MMMM y",
    "d MMM y",
    "dd MMMM y",
    "d. MMMM y",
    "MMMM d, y",
    "MMM d, y",
    "MMMM d y",
    "y MMMM d",
    "y, MMMM d",
    "EEEE, d MMMM y",
    "EEEE d MMMM y",
    "EEEE, MMMM d, y",
    "EEE d MMM y",
    "EEE, d MMM y",
    "EEE, MMM d, y",
    "d-MMM-y",
)
NUMERIC = ("y-MM-dd", "y/MM/dd", "y.MM.dd", "y-M-d", "y/M/d", "dd.MM.y", "d.M.y")
# The order of day and month differs from place to place: the locale stands before these.
MARKED = {locale: ("M/d/y", "MM/dd/y") if locale == "en_US" else ("d/M/y", "dd/MM/y", "dd-MM-y") for locale in LOCALES}
ORDINAL = (
    "{d} of {MMMM} {y}",
    "the {d} of {MMMM}, {y}",
    "{MMMM} {d}, {y}",
    "{EEEE}, {MMMM} {d}, {y}",
    "{d} {MMMM} {y}",
)
# How often each kind is drawn.
KINDS = {"own": 0.5, "common": 0.25, "numeric": 0.08, "marked": 0.07, "ordinal": 0.1}


@dataclass(frozen=True)
class Example:
    """One date: how it is written, and its ISO form."""

    text: str
    iso: str


class WrittenDates:
    """Random dates of the years 1000 to 2999, each written in a way of a random place.

    Args:
        seed: the same seed gives the same examples.

    Raises:
        ModuleNotFoundError: Babel is not installed.

    Example:
        >>> from pyseq.data.written_dates import WrittenDates
        >>> [(example.text, example.iso) for example in WrittenDates(seed=3).sample(2)]
        [('26 tháng 5 1753', '1753-05-26'), ('May 8th, 2771', '2771-05-08')]
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng([seed, 0xDA7E5])

    def sample(self, count: int) -> list[Example]:
        """The next examples."""
        first = datetime.date(FIRST_YEAR, 1, 1).toordinal()
        last = datetime.date(LAST_YEAR, 12, 31).toordinal()
        days = self._random.integers(first, last + 1, count).tolist()
        locales = self._random.integers(0, len(LOCALES), count).tolist()
        kinds = self._random.choice(len(KINDS), count, p=list(KINDS.values())).tolist()
        choices = self._random.integers(0, 1 << 30, (count, 2)).tolist()
        names = list(KINDS)
        return [
            _write(datetime.date.fromordinal(day), LOCALES[locale], names[kind], choice)
            for day, locale, kind, choice in zip(days, locales, kinds, choices, strict=True)
        ]


def _write(date: datetime.date, locale: str, kind: str, choice: list[int]) -> Example:
    pick, case = choice
    if kind == "ordinal":
        text = ORDINAL[pick % len(ORDINAL)].format(**_fields("en_US").of(date, _ordinal(date.day)))
    else:
        patterns = _patterns(locale, kind)
        text = patterns[pick % len(patterns)] % _fields(locale).of(date, str(date.day))
    if kind == "marked":
        return Example(f"{locale} {text}", date.isoformat())
    return Example(_cased(text, case), date.isoformat())


def _cased(text: str, choice: int) -> str:
    """Most as they are, some in small or in capital letters."""
    part = choice % 100
    if part < 80:
        return text
    return text.lower() if part < 92 else text.upper()


def _ordinal(day: int) -> str:
    ending = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"


@dataclass(frozen=True)
class _Fields:
    """The values that Babel's pattern letters have in a locale."""

    tables: dict[str, list[str]]  # by month or weekday
    era: str

    def of(self, date: datetime.date, day: str) -> dict[str, str]:
        month, weekday = date.month - 1, date.weekday()
        values = {name: table[month if name[0] in "ML" else weekday] for name, table in self.tables.items()}
        values.update(
            d=day, dd=f"{date.day:02d}", M=str(date.month), MM=f"{date.month:02d}", y=str(date.year), G=self.era
        )
        return values


@cache
def _fields(locale: str) -> _Fields:
    dates = _babel_dates()
    widths = {3: "abbreviated", 4: "wide"}
    tables: dict[str, list[str]] = {}
    for letter, names, context in (
        ("M", dates.get_month_names, "format"),
        ("L", dates.get_month_names, "stand-alone"),
        ("E", dates.get_day_names, "format"),
        ("c", dates.get_day_names, "stand-alone"),
    ):
        for size, width in widths.items():
            found = names(width, context, locale)
            tables[letter * size] = [found[key] for key in sorted(found)]
    return _Fields(tables, dates.get_era_names("abbreviated", locale)[1])


@cache
def _patterns(locale: str, kind: str) -> tuple[str, ...]:
    """Patterns of a kind, with their fields in %(...)s form."""
    dates = _babel_dates()
    if kind == "own":
        own = [dates.get_date_format(length, locale) for length in LENGTHS]
        return tuple(pattern.format for pattern in own if _is_clear(pattern.pattern))
    patterns = {"common": COMMON, "numeric": NUMERIC, "marked": MARKED[locale]}[kind]
    return tuple(dates.parse_pattern(pattern).format for pattern in patterns)


def _is_clear(pattern: str) -> bool:
    """Whether day, month and a year of four digits cannot be mistaken: a name, dots, or the year first."""
    if "yy" in pattern:
        return False
    return "MMM" in pattern or pattern.startswith("y") or "." in pattern


def _babel_dates() -> Any:
    try:
        from babel import dates
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("the dates recipe needs Babel: pip install babel") from error
    return dates
