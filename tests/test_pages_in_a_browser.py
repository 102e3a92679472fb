"""Pages as a real browser shows them: the figure is there, nothing complains, nothing is fetched."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from browser import Browser, screenshot

from pyseq.analysis import BeamAnalysis, BeamExample
from pyseq.viz import AttentionMap, attention_page, beam_errors_page


def test_the_attention_page(browser: Browser, tmp_path: Path) -> None:
    weights = np.array([[0.9, 0.1, 0.0], [0.0, 0.25, 0.75]])
    file = tmp_path / "attention.html"
    file.write_text(
        attention_page([AttentionMap("one <two>", ["x", "&"], ["a", " ", "年"], weights)]), encoding="utf-8"
    )
    with browser.open(file) as page:
        assert page.locator("h2").inner_text() == "one <two>"
        cells = page.locator("td")
        assert cells.count() == 6
        colours = cells.evaluate_all("cells => cells.map(cell => getComputedStyle(cell).backgroundColor)")
        assert colours[0].startswith("rgba(20, 70, 160, 0.9")
        assert cells.nth(5).get_attribute("title") == "& ← 年: 0.750"
        box = cells.nth(5).bounding_box()
        assert box is not None
        assert box["width"] > 10
        assert box["height"] > 10
        screenshot(page, "attention")


def test_the_page_of_beam_errors(browser: Browser, tmp_path: Path) -> None:
    examples = [
        BeamExample("deux <b>", "two", "to", -1.0, -1.5, "search"),
        BeamExample("trois", "three", "three", -0.5, -0.5, "none"),
        BeamExample("quatre", "four", "for", -3.0, -1.0, "model"),
        BeamExample("cinq", "§", "five", -math.inf, -0.2, "model"),
    ]
    file = tmp_path / "errors.html"
    file.write_text(
        beam_errors_page([BeamAnalysis(examples, 1, 0.0), BeamAnalysis(examples, 4, 0.0)]), encoding="utf-8"
    )
    with browser.open(file) as page:
        assert page.locator("svg circle").count() == 3
        assert page.locator("#summary tbody tr").count() == 2
        rows = page.locator("#examples tbody tr")
        assert rows.count() == 4
        assert rows.nth(0).inner_text().split("\t")[:2] == ["the search", "deux <b>"]
        assert "−∞" in rows.nth(3).inner_text()
        page.locator("svg circle").nth(2).click()
        assert rows.nth(2).get_attribute("class") == "chosen"
        page.locator("#blame").select_option("model")
        assert [rows.nth(i).is_visible() for i in range(4)] == [False, False, True, True]
        page.locator("#blame").select_option("")
        screenshot(page, "beam_errors")
