"""Every recipe for a few steps, on small data that the test writes: it trains, exports, and the model answers."""

from __future__ import annotations

import gzip
import lzma
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_captions import WORDS, picture, write_pictures

import pyseq
from pyseq.recipes import evaluate, train
from pyseq.recipes.caption import Caption, CaptionConfig, moved
from pyseq.recipes.charlm import Charlm, CharlmConfig
from pyseq.recipes.g2p import G2p, G2pConfig
from pyseq.recipes.music import END, Music, MusicConfig, beginning, read_tunes
from pyseq.recipes.names import Names, NamesConfig
from pyseq.recipes.translate_rnn import TranslateRnn, TranslateRnnConfig
from pyseq.tasks import Captioner, Classifier, Generator, Translator

LANGUAGES = {"Vowelish": "aeiou", "Consonantish": "bcdfg"}
VERSE = "The rain it raineth every day, with hey, ho, the wind and the rain.\n"


def write_names(folder: Path, count: int = 400) -> Path:
    """Names whose letters tell their language."""
    random = np.random.default_rng(1)
    rows = ["language\tname"]
    for index in range(count):
        language = list(LANGUAGES)[index % 2]
        letters = random.choice(list(LANGUAGES[language]), random.integers(2, 7))
        rows.append(f"{language}\t{''.join(letters)}")
    (folder / "train.tsv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    return folder


def write_verses(folder: Path) -> Path:
    (folder / "train.txt.gz").write_bytes(gzip.compress((VERSE * 60).encode()))
    return folder


def write_words(folder: Path) -> Path:
    for name in ("wikitext2", "novels"):
        (folder / name).mkdir()
        (folder / name / "text.txt.xz").write_bytes(lzma.compress((VERSE * 60).encode()))
    return folder


def run(recipe: Any, folder: Path, data: Path | None) -> tuple[Any, Any]:
    result = train(recipe, folder, data, quiet=True)
    return result, pyseq.load(folder / "model.safetensors")


def test_names_are_told_apart_after_a_few_steps(tmp_path: Path) -> None:
    source = write_names(tmp_path)
    config = NamesConfig(max_steps=40, epochs=None, hidden_size=16, embedding_size=8, batch_size=16)
    result, classifier = run(Names(config), tmp_path / "run", source)
    assert isinstance(classifier, Classifier)
    assert result.metrics["accuracy"] > 0.9
    assert classifier.classify("aoue").label == "Vowelish"
    model = tmp_path / "run" / "model.safetensors"
    assert evaluate(Names, model, source)["accuracy"] == pytest.approx(result.metrics["accuracy"], abs=0.03)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_character_model_learns_a_verse(tmp_path: Path, cell: str) -> None:
    source = write_verses(tmp_path)
    config = CharlmConfig(max_steps=120, epochs=None, batch_size=8, time=16, hidden_size=48, num_layers=1, cell=cell)
    result, generator = run(Charlm(config), tmp_path / "run", source)
    assert isinstance(generator, Generator)
    letters = len(set(VERSE))
    assert result.metrics["loss"] < math.log(letters) / 2
    assert result.metrics["perplexity"] == pytest.approx(math.exp(result.metrics["loss"]))
    written = generator.generate("The rain", max_length=40, seed=1)
    assert len(written) == len("The rain") + 40
    assert set(written) <= set(VERSE)
    likely, unlikely = generator.score("the wind and the rain"), generator.score("niar eht dna dniw eht")
    assert likely.perplexity < unlikely.perplexity
    model = tmp_path / "run" / "model.safetensors"
    assert evaluate(Charlm, model, source)["loss"] == pytest.approx(result.metrics["loss"], abs=0.2)


def test_a_word_model_knows_unknown_words_and_ends(tmp_path: Path) -> None:
    source = write_words(tmp_path)
    sizes: dict[str, Any] = {"batch_size": 4, "time": 8, "hidden_size": 32, "num_layers": 1}
    config = CharlmConfig(level="word", max_steps=120, epochs=None, learning_rate=1e-2, **sizes)
    result, generator = run(Charlm(config), tmp_path / "run", source)
    assert result.metrics["perplexity"] < 10
    assert generator.score("The zebra raineth").tokens == ["The", "<unk>", "raineth"]
    assert generator.generate("The rain it", temperature=0.0).startswith("The rain it raineth every day ,")
    model = tmp_path / "run" / "model.safetensors"  # tells that its units are words
    assert evaluate(Charlm, model, source)["loss"] == pytest.approx(result.metrics["loss"], abs=0.3)


def test_a_resumed_run_has_the_bits_of_one_that_went_on(tmp_path: Path) -> None:
    source = write_verses(tmp_path)
    sizes: dict[str, Any] = {"epochs": None, "batch_size": 4, "time": 8, "hidden_size": 12, "num_layers": 2}
    whole = Charlm(CharlmConfig(max_steps=12, **sizes))
    train(whole, tmp_path / "whole", source, quiet=True)

    class Stopping(Charlm):
        """The same run, stopped half way: its schedule is that of the whole."""

        def planned_steps(self) -> int | None:
            return 12

    train(Stopping(CharlmConfig(max_steps=5, **sizes)), tmp_path / "parts", source, quiet=True)
    resumed = Stopping(CharlmConfig(max_steps=12, **sizes))
    train(resumed, tmp_path / "parts", source, resume=True, quiet=True)
    for name, values in whole.module.state_dict().items():
        np.testing.assert_array_equal(resumed.module.state_dict()[name], values, err_msg=name)


def test_dates_learn_and_show_what_they_look_at(tmp_path: Path) -> None:
    pytest.importorskip("babel", reason="pip install babel")
    from pyseq.recipes.dates import Dates, DatesConfig

    config = DatesConfig(max_steps=12, batch_size=16, evaluation_size=50, evaluate_every=12, encoder_size=16)
    recipe = Dates(config)
    result, translator = run(recipe, tmp_path / "run", None)
    assert isinstance(translator, Translator)
    assert result.metrics["loss"] < math.log(13)
    found = translator.translate("20 July 1969", return_attention=True)
    assert found.attention is not None
    assert found.attention.shape == (len(found.tokens), len("20 July 1969"))
    np.testing.assert_allclose(found.attention.sum(-1), 1, atol=1e-5)
    assert 0 <= recipe.evaluate_program(translator.program)["accuracy"] <= 1


def test_charlm_refuses_another_level() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"charlm: level is 'byte', expected 'character' or 'word'"):
        Charlm(CharlmConfig(level="byte")).prepare()


@pytest.mark.parametrize("attend", [True, False])
def test_captions_of_halves(tmp_path: Path, attend: bool) -> None:
    source = write_pictures(tmp_path)
    config = CaptionConfig(
        max_steps=140, epochs=None, batch_size=16, width=8, stages=2, depth=1, embedding_size=8, hidden_size=32,
        attention_size=8, dropout=0.0, shift=1, attend=attend, learning_rate=0.01, average_decay=0.9, coverage=0.1,
    )  # fmt: skip
    result, captioner = run(Caption(config), tmp_path / "run", source)
    assert isinstance(captioner, Captioner)
    assert result.metrics["f1"] > (0.8 if attend else 0.45)
    found = [captioner.caption(picture(*name.split())).text for name in ("red left", "green below")]
    if attend:
        assert found == ["red left", "green below"]
    else:  # a mean over all places hardly knows where things are
        assert [text.split()[0] for text in found] == ["red", "green"]
    assert set(captioner.program.vocabulary("text").tokens) == set(WORDS.tokens)
    model = tmp_path / "run" / "model.safetensors"
    assert evaluate(Caption, model, source) == evaluate(Caption, tmp_path / "run" / "best.safetensors", source)


def write_tunes(folder: Path, count: int = 40) -> Path:
    """Tunes whose notes follow from their key."""
    notes = {"D": "d2 f2|a2 f2|\nd2 a2|d4|", "G": "g2 b2|g2 d2|\ng2 b2|g4|"}
    tunes = [f"X: {n}\nT:Tune\nM:4/4\nK:{key}\n{notes[key]}\n" for n, key in enumerate(["D", "G"] * (count // 2))]
    (folder / "tunes.abc.gz").write_bytes(gzip.compress("\n\n".join(tunes).encode()))
    return folder


def test_music_goes_on_in_the_key_of_its_beginning(tmp_path: Path) -> None:
    source = write_tunes(tmp_path)
    assert len(read_tunes(source / "tunes.abc.gz")) == 40
    config = MusicConfig(
        max_steps=120, epochs=None, time=32, batch_size=8, embedding_size=16, hidden_size=48, num_layers=1, dropout=0.0
    )
    result, generator = run(Music(config), tmp_path / "run", source)
    assert isinstance(generator, Generator)
    assert result.metrics["bits_per_character"] < 0.5
    head = "X: 1\nT:Tune\nM:4/4\n"
    for key, notes in (("D", "d2 f2|"), ("G", "g2 b2|")):
        assert generator.generate(f"{head}K:{key}\n", temperature=0, max_length=6) == f"{head}K:{key}\n{notes}"
    text = generator.generate(beginning("3/4", "Am"), max_length=20, seed=3)  # characters that it does not know
    assert text.startswith("X: 1\nT:Untitled\n")
    assert END not in text
    bits = evaluate(Music, tmp_path / "run" / "model.safetensors", source)["bits_per_character"]
    assert bits == pytest.approx(result.metrics["bits_per_character"], abs=0.15)


def write_dictionary(folder: Path) -> Path:
    """Words that are spelt backwards, some of them in two ways."""
    random = np.random.default_rng(2)
    lines = []
    for _ in range(300):
        letters = random.choice(list("abdeikmnorstu"), random.integers(2, 6))
        word, phones = "".join(letters), " ".join(letter.upper() for letter in letters)
        lines.append(f"{word} {phones}")
        if random.random() < 0.1:
            lines.append(f"{word}(2) {phones} H")
    (folder / "train.dict.gz").write_bytes(gzip.compress("\n".join(dict.fromkeys(lines)).encode()))
    return folder


def test_g2p_learns_to_spell_and_is_searched_by_beam(tmp_path: Path) -> None:
    source = write_dictionary(tmp_path)
    sizes: dict[str, Any] = {"embedding_size": 24, "encoder_size": 24, "decoder_size": 48, "attention_size": 24}
    config = G2pConfig(epochs=None, max_steps=220, batch_size=32, learning_rate=1e-2, dropout=0.0, **sizes)
    recipe = G2p(config)
    result, translator = run(recipe, tmp_path / "run", source)
    assert isinstance(translator, Translator)
    assert result.metrics["loss"] < 1.0
    found = translator.translate("dream", beam_size=4, return_attention=True)
    assert found.tokens[0] == "D"
    assert found.attention is not None
    assert found.attention.shape == (len(found.tokens), 5)
    rates = evaluate(G2p, tmp_path / "run" / "model.safetensors", source)
    assert rates["phone_error_rate"] < 0.3
    assert rates["word_error_rate"] < 0.8
    assert not set(recipe.held_out) & set(recipe.known)


PLACES = {"house": "maison", "town": "ville", "street": "rue", "square": "place"}
COLOURS = {"red": "rouge", "white": "blanche", "green": "verte", "grey": "grise"}


def write_translations(folder: Path) -> Path:
    lines = []
    for place, lieu in PLACES.items():
        for colour, couleur in COLOURS.items():
            for subject, sujet in (("The", "La"), ("Every", "Chaque"), ("My", "Notre")):
                source = f"{subject} {place} is {colour}, isn't it?"
                lines.append(f"{source}\t{sujet} {lieu} est {couleur}, n'est-ce pas ?")
                lines.append(f"{source}\t{sujet} {lieu} est bien {couleur}.")
    (folder / "pairs.tsv.xz").write_bytes(lzma.compress("\n".join(lines).encode()))
    return folder


@pytest.mark.parametrize("level", ["bpe", "unigram", "word"])
def test_translate_rnn_learns_a_few_phrases(tmp_path: Path, level: str) -> None:
    pytest.importorskip("sacrebleu", reason="pip install 'pyseq[metrics]'")
    if level != "word":
        pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")
    source = write_translations(tmp_path)
    sizes: dict[str, Any] = {"embedding_size": 24, "encoder_size": 24, "decoder_size": 48}
    options: dict[str, Any] = {"level": level, "vocabulary_size": 120, "max_tokens": 300, "learning_rate": 1e-2}
    config = TranslateRnnConfig(epochs=None, max_steps=200, dropout=0.0, **options, **sizes)
    recipe = TranslateRnn(config)
    _, translator = run(recipe, tmp_path / "run", source)
    assert isinstance(translator, Translator)
    english = next(iter(recipe.held_out))
    found = translator.translate(english, beam_size=4, n_best=4, length_penalty=1.0)
    assert found.text.split()[0] in {"La", "Chaque", "Notre"}
    assert found.text[-1] in ".?"
    scores = evaluate(TranslateRnn, tmp_path / "run" / "model.safetensors", source)
    assert scores["bleu_greedy"] > 25
    assert scores["bleu_beam"] >= scores["bleu_beam_first"]


def test_translate_rnn_refuses_another_level() -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"translate-rnn: level is 'byte', expected one of"):
        TranslateRnn(TranslateRnnConfig(level="byte")).prepare()


def test_batches_of_pictures_go_on_where_they_stood(tmp_path: Path) -> None:
    recipe = Caption(CaptionConfig(batch_size=8, width=4, stages=1, depth=1, hidden_size=8, attention_size=4))
    recipe.prepare(write_pictures(tmp_path))
    for _ in range(9):
        next(recipe.batches)
    state = recipe.batches.state()
    following = next(recipe.batches)
    again = Caption(recipe.config)
    again.prepare(tmp_path)
    again.batches.restore(state)
    for a, b in zip(next(again.batches), following, strict=True):
        np.testing.assert_array_equal(a, b)


def test_moved_pictures_come_in_from_white() -> None:
    images = np.stack([picture("red", "left")] * 30)
    found = moved(images, 2, np.random.default_rng(0))
    widths = (found[:, 8, :, 1] == 30).sum(1)  # red columns that are left
    assert set(widths.tolist()) == {6, 7, 8}
    assert moved(images, 0, np.random.default_rng(0)) is images
