"""Pages as a real browser shows them: the figure is there, nothing complains, nothing is fetched."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from browser import Browser, screenshot

from pyseq.analysis import BeamAnalysis, BeamExample
from pyseq.viz import AttentionMap, CaptionMap, attention_page, beam_errors_page, caption_page


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


def test_words_of_an_attention_page_stand_upright(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "words.html"
    columns = ["the", "agreement", "</s>"]
    page_text = attention_page([AttentionMap("one", ["l'", "accord"], columns, np.full((2, 3), 1 / 3))])
    file.write_text(page_text, encoding="utf-8")
    with browser.open(file) as page:
        box = page.locator("thead span").nth(1).bounding_box()
        assert box is not None
        assert box["height"] > 2 * box["width"]
        screenshot(page, "attention_words")


def test_the_page_of_captions(browser: Browser, tmp_path: Path) -> None:
    image = np.full((8, 8, 3), 255, np.uint8)
    image[2:6, 2:6] = (200, 30, 30)
    weights = np.array([[0.7, 0.1, 0.1, 0.1], [0.0, 0.0, 0.5, 0.5]])
    file = tmp_path / "captions.html"
    file.write_text(caption_page([CaptionMap("red square", image, ["red", "square"], weights, (2, 2))]), "utf-8")
    with browser.open(file) as page:
        images = page.locator("img")
        assert images.evaluate_all("all => all.map(one => one.naturalWidth)") == [8, 8, 8]
        cells = page.locator(".grid").nth(1).locator("div")
        colours = cells.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
        assert colours == ["rgba(40, 44, 52, 0.85)"] * 2 + ["rgba(40, 44, 52, 0)"] * 2
        cell, picture = cells.nth(0).bounding_box(), images.nth(2).bounding_box()
        assert cell is not None
        assert picture is not None
        assert abs(2 * cell["width"] - picture["width"]) < 1
        assert abs(2 * cell["height"] - picture["height"]) < 1
        screenshot(page, "captions")
