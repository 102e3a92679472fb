"""Maps of words: points, files of the Embedding Projector, the page in a real browser, the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import Browser, screenshot

import pyseq
from pyseq.embeddings import WordVectors, save_projector, word_map
from pyseq.viz import word_map_page, word_map_plot

WORDS = ["man", "king", "woman", "queen", "apple", "pear", "</script>"]


@pytest.fixture
def vectors() -> WordVectors:
    rows = [[1, 0, 0, 0], [1, 1, 0, 0], [-1, 0, 0.1, 0], [-1, 1, 0.1, 0], [0, 0, 1, 0.2], [0, 0.1, 1, 0], [0, 0, 0, 1]]
    return WordVectors(WORDS, np.array(rows, np.float32), counts=np.arange(7, 0, -1))


def test_principal_components(vectors: WordVectors) -> None:
    found = word_map(vectors, 7)
    units = vectors.unit_vectors.astype(np.float64)
    centred = units - units.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose((found.points.astype(float) ** 2).sum(axis=0), variances[:2], rtol=1e-5)
    assert found.words == tuple(WORDS)
    with pytest.raises(pyseq.ArgumentError, match="2 words, expected at least 3"):
        word_map(vectors, ["man", "king", "man"])
    with pytest.raises(pyseq.ArgumentError, match="method is 'umap'"):
        word_map(vectors, method="umap")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_tsne_puts_neighbours_together() -> None:
    pytest.importorskip("openTSNE", reason="pip install openTSNE")
    random = np.random.default_rng(0)
    centres = np.repeat(5 * np.eye(2, 10, dtype=np.float32), 15, axis=0)
    rows = centres + random.normal(0, 0.3, (30, 10)).astype(np.float32)
    points = word_map(WordVectors([f"w{i}" for i in range(30)], rows), method="tsne", perplexity=5).points
    between = np.linalg.norm(points[:15].mean(axis=0) - points[15:].mean(axis=0))
    within = np.linalg.norm(points[:15] - points[:15].mean(axis=0), axis=1).mean()
    assert between > 2 * within


def test_files_of_the_projector(vectors: WordVectors, tmp_path: Path) -> None:
    table, metadata = save_projector(vectors, tmp_path / "projector", limit=3)
    assert [line.split("\t") for line in metadata.read_text().splitlines()] == [
        ["word", "count"],
        ["man", "7"],
        ["king", "6"],
        ["woman", "5"],
    ]
    np.testing.assert_allclose(np.loadtxt(table, delimiter="\t"), vectors.vectors[:3], rtol=1e-5)
    _, metadata = save_projector(WordVectors(["a\tb", " "], np.eye(2, dtype=np.float32)), tmp_path)
    assert metadata.read_text().splitlines() == ["a b", "␣"]


def test_the_page_finds_neighbours_and_analogies(vectors: WordVectors, browser: Browser, tmp_path: Path) -> None:
    found = word_map(vectors, 7)
    file = tmp_path / "map.html"
    file.write_text(word_map_page(found.words, found.points, found.units, [("man", "king")], "Words & more"), "utf-8")
    with browser.open(file) as page:
        assert page.locator("h1").inner_text() == "Words & more"
        assert page.locator("g.word").count() == 7
        assert page.locator("path.arrow").count() == 1
        page.locator("#search").fill("apple")
        page.locator("#search").press("Enter")
        rows = page.locator("#neighbors tr")
        assert rows.nth(0).inner_text().split("\t")[0] == "pear"
        expected = dict(vectors.neighbors("apple", 6))
        for name, value in (row.split("\t") for row in rows.all_inner_texts()):
            assert float(value) == pytest.approx(expected[name], abs=0.02)  # int8 in the page
        assert page.locator("g.chosen title").text_content() == "apple"
        rows.nth(0).locator("td").first.click()
        assert page.locator("g.chosen title").text_content() == "pear"
        for box, word in (("#a", "man"), ("#b", "king"), ("#c", "woman")):
            page.locator(box).fill(word)
        page.locator("#analogy button").first.click()
        assert page.locator("#answer").inner_text() == "queen"
        assert page.locator("path.arrow").count() == 2
        page.locator("#c").fill("nobody")
        page.locator("#analogy button").first.click()
        assert "nobody" in page.locator("#note").inner_text()
        box = page.locator("svg").get_attribute("viewBox")
        page.mouse.move(300, 300)
        page.mouse.wheel(0, -100)
        page.wait_for_function("before => document.querySelector('svg').getAttribute('viewBox') !== before", arg=box)
        screenshot(page, "word_map")
        page.locator("#clear").click()
        assert page.locator("path.arrow").count() == 0


def test_what_the_page_refuses() -> None:
    with pytest.raises(ValueError, match=r"points \(2, 3\)"):
        word_map_page(["a", "b"], np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="not on the map: c"):
        word_map_page(["a", "b"], np.zeros((2, 2)), np.zeros((2, 3)), [("a", "c")])


def test_the_picture(vectors: WordVectors, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install matplotlib")
    found = word_map(vectors, ["man", "king", "woman", "queen"])
    axes = word_map_plot(found.words, found.points, [("man", "king")], title="Words", file=tmp_path / "map.png")
    assert len(axes.texts) == 5
    assert (tmp_path / "map.png").stat().st_size > 1000
