"""What heads look at and how sure a model is: captured weights, and the pages of them in a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, screenshot
from model_folders import write_folder
from test_cli import output_of
from tiny_generators import write_gpt, write_recurrent

import pyseq
from pyseq.analysis import attention_heads, token_confidence
from pyseq.models import BertClassifier, BertOptions
from pyseq.tasks import Classifier, Generator, Translator
from pyseq.text import Vocabulary
from pyseq.viz import (
    AttentionGroup,
    AttentionLayer,
    ModelAttention,
    TokenConfidence,
    confidence_page,
    heads_page,
    softmax_gradient,
    transformer_figures_page,
)

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    found: Translator = pyseq.load(write_folder(tmp_path_factory.mktemp("heads") / "folder"))
    return found


@pytest.fixture(scope="module")
def gpt() -> Generator:
    return write_gpt(end=8)


def step_by_step(model: Any, state: Any, tokens: list[int], paths: list[str]) -> list[Array]:
    """Weights [heads, tokens, positions] of captures while tokens are read one by one."""
    rows: dict[str, list[Array]] = {path: [] for path in paths}
    for token in tokens:
        found = model.program.run("step", state=state, tokens=np.array([[token]]), capture=paths)
        for path in paths:
            rows[path].append(found[path][0, :, 0])
    result = []
    for path in paths:
        longest = max(row.shape[1] for row in rows[path])
        padded = [np.pad(row, ((0, 0), (0, longest - row.shape[1]))) for row in rows[path]]
        result.append(np.stack(padded, axis=1))
    return result


def test_an_encoder_decoder_tells_all_of_its_attention(translator: Translator) -> None:
    found = attention_heads(translator, "abcd", beam_size=3)
    assert [group.name for group in found.groups] == ["encoder", "decoder", "decoder → encoder"]
    best = translator.translate("abcd", beam_size=3)
    assert found.title == f"abcd → {best.text}"
    encoder, decoder, across = found.groups
    assert list(decoder.rows[1:]) == best.tokens == list(across.rows[:-1])
    for group in found.groups:
        for layer in group.layers:
            np.testing.assert_allclose(layer.weights.sum(-1), 1, atol=1e-5)
    assert np.triu(decoder.layers[0].weights[0], 1).max() == 0
    # They are the weights of decoding itself, in which every token is read alone.
    state = translator.program.new_state(1)
    source = translator.program.vocabulary(translator.program.task["source_vocabulary"])
    ids = [source.find(token) for token in encoder.rows]
    translator.program.run("encode", state=state, tokens=np.array([ids]), lengths=np.array([len(ids)]))
    tokens = [translator.program.task["start"], *best.ids]
    paths = [layer.path for layer in [*decoder.layers, *across.layers]]
    alone = step_by_step(translator, state, tokens, paths)
    for layer, expected in zip([*decoder.layers, *across.layers], alone, strict=True):
        np.testing.assert_allclose(layer.weights, expected, atol=1e-6)
    assert "ms" in found.cost


def test_a_language_model_tells_what_it_looked_at(gpt: Generator) -> None:
    found = attention_heads(gpt, "abc", max_length=6)
    (group,) = found.groups
    text = gpt.generate("abc", max_length=6, temperature=0)
    assert found.title == text == "".join(group.rows)
    assert [layer.weights.shape for layer in group.layers] == [(2, len(text), len(text))] * 2
    alone = step_by_step(
        gpt, gpt.program.new_state(1), ["abcdefgh ".index(c) for c in text], [layer.path for layer in group.layers]
    )
    for layer, expected in zip(group.layers, alone, strict=True):
        np.testing.assert_allclose(layer.weights, expected, atol=1e-6)


def test_a_classifier_and_models_without_attention(gpt: Generator) -> None:
    options = BertOptions(9, width=8, num_heads=2, num_layers=2, feed_forward=12, positions=12)
    model = BertClassifier(options, 2).initialize(1)
    task = {"kind": "classifier", "vocabulary": "text", "labels": ["a", "b"]}
    examples = {"classify": {"tokens": np.array([[1, 2], [3, 4]]), "lengths": np.array([2, 1])}}
    vocabularies = {"text": Vocabulary("abcdefgh ", unit="character")}
    data = pyseq.export(model, None, examples, task=task, vocabularies=vocabularies)
    (group,) = attention_heads(Classifier(pyseq.Program.parse(data)), "abc").groups
    assert (group.name, list(group.rows), len(group.layers)) == ("encoder", ["a", "b", "c"], 2)
    with pytest.raises(pyseq.ArgumentError, match="the model tells no attention"):
        attention_heads(write_recurrent(), "abc")
    with pytest.raises(pyseq.ArgumentError, match="expected a translator or generator"):
        token_confidence(Classifier(pyseq.Program.parse(data)), "abc")


def test_confidence_is_that_of_the_search_and_of_the_score(translator: Translator, gpt: Generator) -> None:
    found = token_confidence(translator, "abcd", top_tokens=3, beam_size=2)
    best = translator.translate("abcd", beam_size=2, top_tokens=3)
    assert list(found.log_probs) == best.token_log_probs
    assert list(found.tokens[: len(best.tokens)]) == best.tokens
    assert found.top_tokens == best.top_tokens
    written = token_confidence(gpt, "abc", max_length=5)
    assert written.context == "abc"
    assert written.top_tokens is not None
    assert [place[0][0] for place in written.top_tokens] == list(written.tokens)
    judged = token_confidence(gpt, "abc", given=True)
    assert list(judged.log_probs) == gpt.score("abc").token_log_probs
    with pytest.raises(pyseq.ArgumentError, match="expected a language model"):
        token_confidence(translator, "abcd", given=True)


def test_the_page_of_heads(browser: Browser, tmp_path: Path) -> None:
    random = np.random.default_rng(1)

    def layers(count: int, rows: int, columns: int) -> list[AttentionLayer]:
        weights = random.dirichlet(np.full(columns, 0.3), (count, 2, rows))
        return [AttentionLayer(f"layers.{number} <i>", own) for number, own in enumerate(weights)]

    rows, columns = ["<s>", "ein", "Haus", " "], ["a", "house", "</script>"]
    groups = [
        AttentionGroup("decoder", rows, rows, layers(3, 4, 4)),
        AttentionGroup("across", rows, columns, layers(3, 4, 3)),
    ]
    file = tmp_path / "heads.html"
    texts = [ModelAttention("one <two>", groups, "Took 3 ms."), ModelAttention("three", groups[:1])]
    file.write_text(heads_page(texts), encoding="utf-8")
    with browser.open(file) as page:
        assert page.locator("#layers canvas").count() == 6
        assert page.locator("#cost").inner_text() == "Took 3 ms."
        page.locator("#group").select_option("1")
        page.locator("#layers canvas").nth(3).click()
        assert page.locator("#name").inner_text() == "across: layer 2, head 2"
        weights = groups[1].layers[1].weights[1]
        drawn = page.locator("#tokens line").evaluate_all("all => all.map(one => one.getAttribute('stroke-opacity'))")
        expected = [share for share in np.rint(weights.ravel() * 255) / 255 if share >= 0.02]
        np.testing.assert_allclose([float(one) for one in drawn], expected, atol=6e-4)
        page.locator("#tokens text").nth(2).hover()
        assert page.locator("#value").inner_text().startswith("“Haus” looks at ")
        shares = [share for share in np.rint(weights[2] * 255) / 255 if share >= 0.02]
        displays = page.locator("#tokens line").evaluate_all("all => all.map(one => one.style.display)")
        assert displays.count("") == len(shares)
        dark = (
            page.locator("#layers canvas")
            .nth(0)
            .evaluate("one => Array.from(one.getContext('2d').getImageData(0, 0, 1, 1).data)")
        )
        assert dark[0] == pytest.approx(255 - 235 * weights_shown(groups[1].layers[0].weights[0, 0, 0]), abs=1)
        screenshot(page, "heads")
    with pytest.raises(ValueError, match=r"weights \[2, 4, 4\] of layers.0 <i>, expected \[heads, 4, 3\]"):
        heads_page([ModelAttention("", [AttentionGroup("x", rows, columns, layers(1, 4, 4))])])


def weights_shown(weight: float) -> float:
    return float(np.rint(weight * 255) / 255)


def test_the_page_of_confidence(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "confidence.html"
    top = [[("the", -0.1), ("a <b>", -2.5)], [("cat", -0.9), ("dog", -1.0)], [(".", -3.0), ("!", -0.2)]]
    items = [TokenConfidence("one <two>", ["the", " cat", "."], [-0.1, -0.9, -3.0], top, "see ")]
    file.write_text(confidence_page(items), encoding="utf-8")
    with browser.open(file) as page:
        assert page.locator("h2").inner_text() == "one <two>"
        tokens = page.locator(".token")
        assert tokens.count() == 3
        colours = tokens.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
        assert len(set(colours)) == 3
        assert not tokens.nth(2).locator(".more").is_visible()
        tokens.nth(2).hover()
        assert tokens.nth(2).locator(".more").is_visible()
        assert tokens.nth(2).locator(".taken").inner_text().startswith(".")
        assert "p = 0.050" in tokens.nth(2).inner_text()
        screenshot(page, "confidence")
    with pytest.raises(ValueError, match="2 log_probs of 1 tokens"):
        confidence_page([TokenConfidence("", ["a"], [0.0, 0.0])])


def test_the_figures_of_the_transformer(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "figures.html"
    file.write_text(transformer_figures_page(), encoding="utf-8")
    with browser.open(file) as page:
        data = json.loads(page.locator("#data").inner_text())
        assert page.locator("#softmax rect").count() == 24
        before = page.locator("#softmax rect").nth(20).get_attribute("height")
        page.locator("#size").fill("4")
        assert page.locator("#size-value").inner_text() == "1024"
        assert page.locator("#softmax rect").nth(20).get_attribute("height") != before
        assert page.locator(".map").count() == 5
        assert page.locator(".map th.wrong").count() == 5  # of six rows, the last one sees everything
        width, height = page.locator("#positions").evaluate("one => [one.width, one.height]")
        assert (width, height) == (96, 64)
        page.locator("#positions").hover(position={"x": 2, "y": 2})
        assert page.locator("#position-value").inner_text() == "position 0, dimension 0: 0.000"
        screenshot(page, "figures")
    gradients = [(one["raw"]["gradient"], one["scaled"]["gradient"]) for one in data["softmax"]]
    assert gradients[-1][0] < gradients[0][0] / 4  # fades without the factor
    assert gradients[-1][1] > gradients[0][1] / 1.5  # and stays with it
    np.testing.assert_allclose(np.sum(data["mask"]["before"], axis=1), 1, atol=1e-6)
    assert np.triu(data["mask"]["after"], 1).max() == 0


def test_softmax_gradients_are_those_of_the_formula() -> None:
    scores = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    p, total = softmax_gradient(scores)
    for row, found in zip(p.astype(np.float64), total, strict=True):
        assert found == pytest.approx(np.abs(np.diag(row) - np.outer(row, row)).sum(), rel=1e-5)


def test_the_commands_write_pages(translator: Translator, tmp_path: Path) -> None:
    file, page = tmp_path / "model.safetensors", tmp_path / "page.html"
    translator.save(file)
    printed = output_of("analyze", "heads", file, "abcd", "--html", page)
    assert "decoder → encoder: 1 layers" in printed or "decoder → encoder: 2 layers" in printed
    assert "canvas" in page.read_text("utf-8")
    lines = output_of("analyze", "confidence", file, "abcd").splitlines()
    assert all(0 <= float(line.split("\t")[0]) <= 1 for line in lines[1:])
    output_of("analyze", "figures", "--html", page)
    assert "√d_k" in page.read_text("utf-8")
