"""Attention as pictures: heat maps of words, shades over images, and pages with both."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_classifier import write as write_classifier
from test_cli import output_of, pyseq_command
from tiny_captions import picture, write_captioner

import pyseq
from pyseq.viz import AttentionMap, CaptionMap, attention_page, attention_plot, caption_page, caption_plot
from pyseq.viz.png import png_bytes

WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
WORDS = AttentionMap("price: $5 and $6", ["prix", "$5"], ["the", " ", "price"], WEIGHTS)


def caption_map(**changes: Any) -> CaptionMap:
    values: dict[str, Any] = {
        "title": "red <left>",
        "image": picture("red", "left"),
        "words": ["red", "<left>"],
        "weights": np.array([[0.5, 0.25, 0.25, 0.0], [0.1, 0.2, 0.3, 0.4]]),
        "grid": (2, 2),
    }
    return CaptionMap(**(values | changes))


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_heat_map_has_the_words_on_both_axes(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"map.{suffix}"
    axes = attention_plot(WORDS, file)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["the", "␣", "price"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["prix", r"\$5"]
    np.testing.assert_array_equal(axes.images[0].get_array(), WEIGHTS)
    assert file.stat().st_size > 1000


def test_long_titles_are_wrapped() -> None:
    axes = attention_plot(AttentionMap("word " * 30, ["a"], ["b"], np.ones((1, 1))))
    assert axes.figure.get_suptitle().count("\n") >= 4


def test_words_stand_upright_on_a_page() -> None:
    assert '<table class="words">' in attention_page([WORDS])
    assert '<table class="words">' not in attention_page([AttentionMap("t", ["x"], ["a", "b"], np.ones((1, 2)))])


def test_every_word_has_a_panel(tmp_path: Path) -> None:
    figure = caption_plot(caption_map(), tmp_path / "caption.png")
    assert [axes.get_title() for axes in figure.axes] == ["", "red", "<left>"]
    assert len(figure.axes[0].images) == 1
    shades = np.asarray(figure.axes[1].images[1].get_array())[..., 3]
    np.testing.assert_allclose(shades, 0.85 * np.array([[0.0, 0.5], [0.5, 1.0]]))
    assert (tmp_path / "caption.png").stat().st_size > 1000


def test_a_page_of_captions_holds_its_pictures() -> None:
    page = caption_page([caption_map()])
    assert "<left>" not in page.split("</style>")[1]
    assert page.count("<figure>") == 3
    assert 'title="&lt;left&gt;: 0.400"' in page
    found = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert found is not None
    assert base64.b64decode(found[1]) == png_bytes(picture("red", "left"))


def test_png_files_are_read_by_others(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    (tmp_path / "x.png").write_bytes(png_bytes(pixels))
    np.testing.assert_array_equal(np.asarray(pillow.open(tmp_path / "x.png")), pixels)
    with pytest.raises(ValueError, match=r"pixels uint8 \[7, 5\], expected uint8 \[height, width, 3\]"):
        png_bytes(pixels[..., 0])


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"caption_plot: weights \[2, 4\], expected \[2, 3 · 2\]"):
        caption_plot(caption_map(grid=(3, 2)))
    with pytest.raises(ValueError, match=r"caption_page: weights \[2, 4\], expected \[1, 2 · 2\]"):
        caption_page([caption_map(words=["red"])])
    with pytest.raises(ValueError, match=r"attention_plot: weights \[1, 1\], expected \[1, 2\]"):
        attention_plot(AttentionMap("t", ["x"], ["a", "b"], np.ones((1, 1))))


def test_the_command_draws_texts(tmp_path: Path) -> None:
    texts = ("July 20, 1969", "5 May 2001")
    printed = output_of("analyze", "attention", "dates", *texts)
    assert printed.splitlines()[0] == "July 20, 1969 → 1969-07-20"
    assert "█" in printed or "▓" in printed
    page, image = tmp_path / "page.html", tmp_path / "map.svg"
    titles = output_of("analyze", "attention", "dates", *texts, "--html", page, "--picture", image).splitlines()
    assert [title.split(" → ")[1] for title in titles] == ["1969-07-20", "2001-05-05"]
    assert page.read_text().count("<section>") == 2
    assert "<svg" in image.read_text()
    assert "<svg" in (tmp_path / "map-2.svg").read_text()


def test_the_command_draws_captions(tmp_path: Path) -> None:
    model, file = tmp_path / "model.safetensors", tmp_path / "picture.png"
    captioner = write_captioner()
    captioner.save(model)
    file.write_bytes(png_bytes(picture("blue", "above")))
    page, image = tmp_path / "page.html", tmp_path / "caption.png"
    printed = output_of("analyze", "attention", model, file, "--html", page, "--picture", image)
    best = captioner.caption(picture("blue", "above"))
    assert printed.splitlines() == [best.text]
    assert page.read_text().count("<figure>") == 1 + len(best.tokens)
    assert image.stat().st_size > 1000


def test_models_without_attention_say_so(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    write_captioner(attend=False).save(model)
    assert "tells no attention" in pyseq_command("analyze", "attention", model, "x.png").stderr
    write_classifier().save(model)
    assert "neither a translator nor a captioner" in pyseq_command("analyze", "attention", model, "abc").stderr


def test_source_tokens_are_the_columns_of_attention() -> None:
    translator = pyseq.load("dates")
    text = "5 de juliol"
    assert translator.source_tokens(text) == list(text)
    assert translator.translate(text, return_attention=True).attention.shape[1] == len(text)
