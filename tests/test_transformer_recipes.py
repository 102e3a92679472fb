"""The recipes of Transformers for a few steps, on small data that the test writes."""

from __future__ import annotations

import gzip
import lzma
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_recipe_models import VERSE, run, write_translations, write_verses

import pyseq
from pyseq import data, metrics
from pyseq.recipes import evaluate
from pyseq.recipes.bert import Bert, BertConfig
from pyseq.recipes.finetune import Finetune, FinetuneConfig
from pyseq.recipes.gpt import GptConfig, GptRecipe
from pyseq.recipes.translate import Translate, TranslateConfig
from pyseq.tasks import FillMask, Generator, Tagger, Translator

SMALL: dict[str, Any] = {"width": 32, "num_heads": 2, "feed_forward": 64}
NOUNS = {"good": ["joy", "sun", "song", "feast"], "bad": ["mud", "pain", "loss", "rust"]}


@pytest.mark.parametrize("positions", ["rotary", "alibi", "learned"])
def test_gpt_learns_a_verse(tmp_path: Path, positions: str) -> None:
    source = write_verses(tmp_path)
    config = GptConfig(
        max_steps=100,
        epochs=None,
        batch_size=8,
        time=32,
        num_layers=2,
        learning_rate=1e-2,
        positions=positions,
        **SMALL,
    )
    result, generator = run(GptRecipe(config), tmp_path / "run", source)
    assert isinstance(generator, Generator)
    assert result.metrics["loss"] < math.log(len(set(VERSE))) / 2
    written = generator.generate("The rain", max_length=20, temperature=0.0)
    assert set(written) <= set(VERSE)
    found = evaluate(GptRecipe, tmp_path / "run" / "model.safetensors", source)
    assert found["loss"] == pytest.approx(result.best, abs=1e-3)


def test_gpt_refuses_other_positions() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"gpt: positions is 'none', expected one of"):
        GptRecipe(GptConfig(positions="none")).prepare()


def write_descriptions(folder: Path) -> Path:
    """The files of multi30k, with sentences of both languages word by word."""
    words = {"a": "ein", "man": "mann", "dog": "hund", "runs": "rennt", "sits": "sitzt", "sleeps": "schläft"}
    lines = [f"a {who} {does}" for who in ("man", "dog") for does in ("runs", "sits", "sleeps")]
    for part, count in (("train", 10), ("val", 1)):
        for language, names in (("en", {}), ("de", words)):
            text = "\n".join(" ".join(names.get(word, word) for word in line.split()) for line in lines * count)
            (folder / f"{part}.{language}.xz").write_bytes(lzma.compress(text.encode()))
    return folder


def test_translate_learns_a_few_phrases(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu", reason="pip install 'pyseq[metrics]'")
    pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")
    source = write_translations(tmp_path)
    layers = {"encoder_layers": 1, "decoder_layers": 2}
    options: dict[str, Any] = {"epochs": None, "dropout": 0.0, "learning_rate": 1e-2, **layers, **SMALL}
    recipe = Translate(TranslateConfig(max_steps=120, vocabulary_size=150, max_tokens=300, **options))
    _, translator = run(recipe, tmp_path / "run", source)
    assert isinstance(translator, Translator)
    found = translator.translate(next(iter(recipe.held_out)), return_attention=True)
    assert found.attention is not None
    assert found.attention.shape[0] == len(found.tokens)
    scores = evaluate(Translate, tmp_path / "run" / "model.safetensors", source)
    assert scores["bleu_beam"] > 25


def test_translate_reads_descriptions_of_pictures(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")
    source = write_descriptions(tmp_path)
    config = TranslateConfig(corpus="multi30k", languages="de-en", joint=False, vocabulary_size=60, **SMALL)
    recipe = Translate(config)
    recipe.prepare(source)
    assert recipe.held_out["ein hund schläft"] == ["a dog sleeps"]
    batch = next(recipe.batches)
    losses, count = recipe.loss(batch)
    assert losses.shape == batch.outputs.shape
    assert count == batch.num_outputs
    for other in ("de-it", "de", ""):
        with pytest.raises(pyseq.ArgumentError, match=f"multi30k: languages is '{other}', expected two like en-de"):
            Translate(TranslateConfig(corpus="multi30k", languages=other)).prepare(source)


def write_reviews(folder: Path) -> Path:
    """Texts for pre-training, of whose words each speaks of one kind of thing, and texts that are labelled."""
    random = np.random.default_rng(0)

    def sentence(kind: str) -> str:
        return "the " + " and the ".join(random.choice(NOUNS[kind], 2))

    for name in ("novels", "wikipedia"):
        (folder / name).mkdir()
        text = "\n".join(sentence(list(NOUNS)[n // 20 % 2]) for n in range(400))
        (folder / name / "text.txt.xz").write_bytes(lzma.compress(text.encode()))
    rows = ["label\tsentence", *(f"{kind}\t{sentence(kind)}" for kind in NOUNS for _ in range(60))]
    (folder / "train.tsv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    blocks = [
        "\n".join(f"{word} {'B-PLACE' if word in NOUNS['good'] else 'O'}" for word in sentence(kind).split())
        for kind in NOUNS
        for _ in range(60)
    ]
    (folder / "train.conll.gz").write_bytes(gzip.compress("\n\n".join(blocks).encode()))
    return folder


def test_bert_is_pretrained_and_finetuned(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")
    source = write_reviews(tmp_path)
    config = BertConfig(
        max_steps=80, epochs=None, batch_size=16, time=23, vocabulary_size=80, num_layers=2, positions=32,
        learning_rate=1e-2, **SMALL,
    )  # fmt: skip
    recipe = Bert(config)
    result, filler = run(recipe, tmp_path / "run", source)
    assert isinstance(filler, FillMask)
    assert result.metrics["loss"] < math.log(len(recipe.vocabulary)) - 0.5
    assert result.metrics["next_accuracy"] > 0.4
    assert filler.fill("the [MASK] and the sun")[0][0].probability > 0
    model = tmp_path / "run" / "model.safetensors"
    assert evaluate(Bert, model, source)["loss"] == pytest.approx(result.metrics["loss"], abs=0.5)

    options: dict[str, Any] = {"model": str(model), "max_steps": 40, "epochs": None, "learning_rate": 1e-2}
    for fresh in (False, True):
        result, classifier = run(Finetune(FinetuneConfig(fresh=fresh, **options)), tmp_path / f"fresh{fresh}", source)
        assert result.metrics["accuracy"] > 0.9
        assert classifier.classify("the joy and the song").label == "good"
    found = evaluate(Finetune, tmp_path / "freshFalse" / "model.safetensors", source)
    assert found["accuracy"] > 0.9

    result, tagger = run(Finetune(FinetuneConfig(task="tokens", **options)), tmp_path / "tags", source)
    assert isinstance(tagger, Tagger)
    assert result.metrics["f1"] > 0.8
    assert [span.text for span in tagger.spans("the sun and the feast")] == ["sun", "feast"]
    assert tagger.spans("the mud and the rust") == []
    assert evaluate(Finetune, tmp_path / "tags" / "model.safetensors", source)["f1"] == result.metrics["f1"]


def test_finetune_says_what_it_cannot_begin_with(tmp_path: Path) -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"finetune: no model; give --model PATH"):
        Finetune(FinetuneConfig()).prepare()
    with pytest.raises(pyseq.ArgumentError, match=r"finetune: task is 'text' and pooling 'mean', expected one of"):
        Finetune(FinetuneConfig(task="text")).prepare()
    with pytest.raises(pyseq.UnsupportedError, match=r"finetune: dates is a translator; expected an encoder"):
        Finetune(FinetuneConfig(model="dates")).prepare()


def test_windows_go_on_where_they_stood_and_differ_by_epoch() -> None:
    windows = data.Windows(np.arange(100), batch_size=2, time=3, seed=1)
    first = [next(windows) for _ in range(len(windows))]
    assert windows.epoch == 1
    state, following = windows.state(), next(windows)
    again = data.Windows(np.arange(100), batch_size=2, time=3, seed=1)
    again.restore(state)
    np.testing.assert_array_equal(next(again).inputs, following.inputs)
    begins = sorted(int(row[0]) for batch in first for row in batch.inputs)
    assert (np.diff(begins) >= 3).all()
    with pytest.raises(pyseq.ArgumentError, match="Windows: 5 tokens, expected at least 9"):
        data.Windows(np.arange(5), batch_size=2, time=3)


def test_spans_are_whole_or_wrong() -> None:
    assert metrics.span_f1([["B-X", "I-X", "O"]], [["B-X", "B-X", "O"]]) == 0
    assert metrics.span_f1([["I-X", "I-X", "O"]], [["B-X", "I-X", "O"]]) == 1
    assert metrics.span_f1([["O"]], [["O"]]) == 1
