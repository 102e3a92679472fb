"""The model that comes with the package, and `pyseq demo`."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli import output_of

import pyseq
from pyseq import loading

WRITTEN = {
    "20 July 1969": "1969-07-20",
    "20th of July 1969": "1969-07-20",
    "5 de juliol del 1998": "1998-07-05",
    "Sunday, April 23, 1564": "1564-04-23",
    "2026年11月24日": "2026-11-24",
    "24. NOVEMBER 2026": "2026-11-24",
    "2001-02-03": "2001-02-03",
    "en_US 3/4/2005": "2005-03-04",
    "en_GB 3/4/2005": "2005-04-03",
}


def test_the_shipped_model_is_small() -> None:
    assert (loading.ASSETS / "dates.safetensors").stat().st_size < 1_000_000


def test_dates_by_name_from_the_command_line() -> None:
    assert output_of("run", "dates", *WRITTEN).splitlines() == list(WRITTEN.values())


def test_the_shipped_model_reads_new_dates() -> None:
    pytest.importorskip("babel", reason="pip install babel")
    from pyseq.data.written_dates import WrittenDates

    examples = WrittenDates(2_000_001).sample(4000)
    found = pyseq.load("dates").translate_batch([example.text for example in examples])
    right = sum(hypotheses[0].text == example.iso for hypotheses, example in zip(found, examples, strict=True))
    assert right >= 0.998 * len(examples)  # 99.93 % of 20,000 when it was made


def test_demo_draws_what_the_model_looked_at(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    printed = output_of("demo", "4 July 1776", "--html", page).splitlines()
    assert printed[0] == "4 July 1776 → 1776-07-04"
    assert printed[1].strip() == "4 July 1776"
    assert [line[0] for line in printed[2:12]] == list("1776-07-04")
    text = page.read_text(encoding="utf-8")
    assert text.count("<td ") == len("4 July 1776") * len("1776-07-04")
    assert "http" not in text  # nothing is fetched


def test_demo_reads_standard_input_without_pictures() -> None:
    printed = output_of("demo", "--no-picture", text="1 May 2020\n2 May 2020\n")
    assert printed.splitlines() == ["1 May 2020 → 2020-05-01", "2 May 2020 → 2020-05-02"]


def test_a_name_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"datez: no such file or folder, and not a model .*dates"):
        pyseq.load("datez")
