"""Pages of sounds: every word, the collapsed path, events; and as a browser shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import Browser, screenshot

from pyseq.viz import SpeechMap, TriggerMap, speech_page, trigger_page

RATE = 8000


def speech() -> SpeechMap:
    """ "a b" in ten frames of 50 ms: blank a a blank blank space b b blank b."""
    best = [0, 1, 1, 0, 0, 3, 2, 2, 0, 2]
    shares = np.full((10, 5), 0.02)
    shares[np.arange(10), best] = 0.92
    samples = np.sin(np.arange(4000) / 5).astype(np.float32) * np.hanning(4000).astype(np.float32)
    words = [("a", 0.05, 0.15, 0.92), ("b<b", 0.3, 0.5, 0.9)]
    return SpeechMap("a <b>", samples, RATE, np.log(shares), ["blank", "a", "b", " ", "z"], 0.05, words)


def trigger() -> TriggerMap:
    random = np.random.default_rng(0)
    probabilities = np.array([0, 0.1, 0.2, 0.9, 0.95, 0.3, 0, 0, 0, 0, 0, 0])
    return TriggerMap("seven", random.standard_normal(4000).astype(np.float32), RATE, probabilities, 0.04, 0.6, [0.2])


def test_the_page_of_speech_shows_words_and_the_collapsed_path() -> None:
    page = speech_page([speech(), speech()])
    assert page.count("<svg") == 2
    assert page.count('class="word"') == 4
    assert page.count("collapsed") == 2 * 4  # a, space, b, and b once more behind a blank
    assert "a &lt;b&gt;" in page
    assert "<b>" not in page
    assert ">z<" not in page  # never likely
    with pytest.raises(ValueError, match=r"log_probs \[10, 5\], expected \[frames, 2\]"):
        speech_page([SpeechMap("", np.zeros(9), RATE, np.zeros((10, 5)), ["", "a"], 0.05, [])])


def test_the_page_of_a_trigger_word_shows_its_events() -> None:
    page = trigger_page([trigger()])
    assert page.count('class="event"') == 1
    assert page.count("data:image/png") == 1


def test_the_pages_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    for name, text in (("speech", speech_page([speech()])), ("trigger", trigger_page([trigger()]))):
        file = tmp_path / f"{name}.html"
        file.write_text(text, encoding="utf-8")
        with browser.open(file) as page:
            assert page.locator("svg image").count() == 1
            box = page.locator("svg image").bounding_box()
            assert box is not None
            assert box["width"] > 400
            assert box["height"] > 40
            screenshot(page, f"{name}_page")
