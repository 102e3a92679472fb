"""Translations with other models: ensembles, language models; words for unknown tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_folders import (
    SOURCE_TOKENS,
    TARGET_TOKENS,
    SlowTransformer,
    model_bytes,
    transformer_variables,
    write_folder,
)
from test_cli import output_of

import pyseq
from pyseq.models import LanguageModelOptions, RecurrentLanguageModel
from pyseq.tasks import Generator, Translator
from pyseq.text import Vocabulary

Array = np.ndarray[Any, Any]
TEXTS = ["abc", "hgfedcba", "deadbeef", "cab", "a"]
START, END, UNKNOWN = 1, 2, TARGET_TOKENS.index("<unk>")
MAX_LENGTH = 9


def folder(path: Path, seed: int, **changes: Any) -> Path:
    return write_folder(path / f"model{seed}", model_bytes(transformer_variables(seed)), **changes)


@pytest.fixture(scope="module")
def translators(tmp_path_factory: pytest.TempPathFactory) -> list[Translator]:
    path = tmp_path_factory.mktemp("translators")
    return [pyseq.load(folder(path, seed)) for seed in (0, 3)]


def save_language_model(file: Path, tokens: list[str], **task: Any) -> RecurrentLanguageModel:
    pyseq.random.seed(5)
    model = RecurrentLanguageModel(LanguageModelOptions(vocabulary=len(tokens), embedding_size=8, hidden_size=12))
    description = {"kind": "generator", "vocabulary": "text", "start": START, "end": END, "max_length": 20, **task}
    examples = {"step": {"tokens": np.ones((2, 3), np.int64)}}
    vocabularies = {"text": Vocabulary(tokens, "character", tokens.index("<unk>"))}
    pyseq.export(model, file, examples, task=description, vocabularies=vocabularies)
    return model


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecurrentLanguageModel, Generator]:
    file = tmp_path_factory.mktemp("language") / "model.safetensors"
    return save_language_model(file, TARGET_TOKENS), pyseq.load(file)


class Slow:
    """Next-token log probabilities of the two translators and the language model."""

    def __init__(self, text: str) -> None:
        self.models = [SlowTransformer(transformer_variables(seed)) for seed in (0, 3)]
        ids = [SOURCE_TOKENS.index(character) for character in text]
        self.sources = [model.encode(ids) for model in self.models]

    def translation(self, model: int, ids: list[int]) -> Array:
        return self.models[model].log_probs(self.sources[model], [START, *ids])[-1]

    def greedy(self, scores: Any) -> tuple[list[int], list[float]]:
        ids: list[int] = []
        kept: list[float] = []
        while len(ids) < MAX_LENGTH:
            values = scores(ids)
            token = int(np.argmax(values))
            kept.append(float(values[token]))
            if token == END:
                break
            ids.append(token)
        return ids, kept


def log_softmax(logits: Array) -> Array:
    logits = logits.astype(np.float64)
    return np.asarray(logits - logits.max() - np.log(np.exp(logits - logits.max()).sum()))


@pytest.mark.parametrize("mean", ["probabilities", "log_probabilities"])
def test_an_ensemble_of_translators(translators: list[Translator], mean: str) -> None:
    one, two = translators
    found = one.translate_batch(
        TEXTS, ensemble=[two], ensemble_mean=mean, ensemble_weights=[1, 3], max_length=MAX_LENGTH
    )
    for text, (hypothesis,) in zip(TEXTS, found, strict=True):
        slow = Slow(text)

        def scores(ids: list[int], slow: Slow = slow) -> Array:
            log_probs = [slow.translation(model, ids) for model in (0, 1)]
            if mean == "log_probabilities":
                return log_softmax(0.25 * log_probs[0] + 0.75 * log_probs[1])
            return np.asarray(np.log(0.25 * np.exp(log_probs[0]) + 0.75 * np.exp(log_probs[1])))

        ids, kept = slow.greedy(scores)
        assert hypothesis.ids == ids
        np.testing.assert_allclose(hypothesis.token_log_probs, kept, atol=1e-4)
    alone = [one.translate_batch([text], ensemble=[two], beam_size=3, n_best=2)[0] for text in TEXTS]
    assert one.translate_batch(TEXTS, ensemble=[two], beam_size=3, n_best=2) == alone
    same = one.translate_batch(TEXTS, ensemble=[one], max_length=MAX_LENGTH)
    for (twice,), (once,) in zip(same, one.translate_batch(TEXTS, max_length=MAX_LENGTH), strict=True):
        assert twice.ids == once.ids
        np.testing.assert_allclose(twice.token_log_probs, once.token_log_probs, atol=1e-4)


def test_a_language_model_beside_a_translator(
    translators: list[Translator], language: tuple[RecurrentLanguageModel, Generator]
) -> None:
    module, generator = language
    found = translators[0].translate_batch(
        TEXTS, language_model=generator, language_model_weight=0.6, max_length=MAX_LENGTH
    )
    for text, (hypothesis,) in zip(TEXTS, found, strict=True):
        slow = Slow(text)

        def scores(ids: list[int], slow: Slow = slow) -> Array:
            logits = module(pyseq.Tensor(np.array([[START, *ids]])))[0].numpy()[0, -1]
            return slow.translation(0, ids) + 0.6 * log_softmax(logits)

        ids, kept = slow.greedy(scores)
        assert hypothesis.ids == ids
        np.testing.assert_allclose(hypothesis.token_log_probs, kept, atol=1e-4)
    both = translators[0].translate_batch(
        TEXTS, ensemble=translators[1:], language_model=generator, language_model_weight=0.3, beam_size=3
    )
    assert [hypotheses[0].finished for hypotheses in both]


@pytest.mark.parametrize("dictionary", [None, {"a": "Alpha", "d": "Delta"}])
def test_unknown_tokens_become_words_of_the_source(translators: list[Translator], dictionary: Any) -> None:
    options: dict[str, Any] = {"beam_size": 3, "n_best": 3, "biases": {"<unk>": 2.5}, "max_length": MAX_LENGTH}
    plain = translators[0].translate_batch(TEXTS, return_attention=True, **options)
    replaced = translators[0].translate_batch(TEXTS, replace_unknowns=dictionary or True, **options)
    count = 0
    for text, before, after in zip(TEXTS, plain, replaced, strict=True):
        for old, new in zip(before, after, strict=True):
            expected = list(old.tokens)
            assert old.attention is not None
            for place, id in enumerate(old.ids):
                if id == UNKNOWN:
                    word = text[int(np.argmax(old.attention[place]))]
                    expected[place] = (dictionary or {}).get(word, word)
                    count += 1
            assert (new.ids, new.score, new.tokens) == (old.ids, old.score, expected)
            assert new.text == "".join(expected)
            assert new.attention is None
    assert count > 10


def test_the_command_has_companions(translators: list[Translator], tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.safetensors" for number in (0, 1)]
    for translator, file in zip(translators, files, strict=True):
        translator.save(file)
    save_language_model(tmp_path / "language.safetensors", TARGET_TOKENS)
    language = pyseq.load(tmp_path / "language.safetensors")

    def lines(*arguments: object, **options: Any) -> None:
        found = translators[0].translate_batch(TEXTS, max_length=MAX_LENGTH, **options)
        printed = output_of("run", files[0], *TEXTS, "--max-length", MAX_LENGTH, *arguments).splitlines()
        assert printed == [hypothesis.text for hypotheses in found for hypothesis in hypotheses]

    lines("--ensemble", files[1], "--ensemble-mean", "log_probabilities", "--ensemble-weight", 1, "--ensemble-weight",
          3, "--beam-size", 2, ensemble=[translators[1]], ensemble_mean="log_probabilities", ensemble_weights=[1, 3],
          beam_size=2)  # fmt: skip
    lines("--language-model", tmp_path / "language.safetensors", "--language-model-weight", 0.6,
          language_model=language, language_model_weight=0.6)  # fmt: skip
    lines("--alternatives", "--n-best", 3, "--min-alternative-prob", 0.2, "--bias", "A=1", "--bias", "B=-inf",
          alternatives=True, n_best=3, min_alternative_prob=0.2, biases={"A": 1.0, "B": -np.inf})  # fmt: skip
    lines("--replace-unknowns", "--bias", "<unk>=20", replace_unknowns=True, biases={"<unk>": 20.0})


def test_prefixes_of_tokens(translators: list[Translator]) -> None:
    prefix = ["<unk>", TARGET_TOKENS.index("B")]
    (hypothesis,) = translators[0].translate_batch(["abc"], target_prefixes=[prefix], replace_unknowns=True)[0]
    assert hypothesis.ids[:2] == [UNKNOWN, TARGET_TOKENS.index("B")]
    assert hypothesis.tokens[0] in "abc"
    with pytest.raises(pyseq.ArgumentError, match="'Z' is not a token of the target vocabulary"):
        translators[0].translate_batch(["abc"], target_prefixes=[["Z"]])


def test_what_does_not_fit(translators: list[Translator], tmp_path: Path) -> None:
    def refuse(message: str, **options: Any) -> None:
        with pytest.raises(pyseq.ArgumentError, match=message):
            translators[0].translate_batch(TEXTS, **options)

    other = pyseq.load(folder(tmp_path, 4, target_tokens=[*TARGET_TOKENS[:-2], "H", "<unk>"]))
    refuse("ensemble: its vocabulary differs", ensemble=[other])
    marks = pyseq.load(folder(tmp_path, 5, config={"decoder_start_token": "</s>"}))
    refuse("ensemble: the marks of its models differ", ensemble=[marks])
    refuse("ensemble_weights: expected an ensemble", ensemble_weights=[1.0])
    refuse("3 weights, expected one per model", ensemble=[translators[1]], ensemble_weights=[1.0, 1.0, 1.0])
    refuse("language_model_weight: expected a language model", language_model_weight=0.5)
    for name, tokens, task, message in [
        ("tokens", [*TARGET_TOKENS[:-2], "H", "<unk>"], {}, "language_model: its vocabulary differs"),
        ("start", TARGET_TOKENS, {"start": None}, "language_model: it has no start mark"),
        ("end", TARGET_TOKENS, {"end": 3}, "language_model: its end mark differs"),
    ]:
        file = tmp_path / f"{name}.safetensors"
        save_language_model(file, tokens, **task)
        refuse(message, language_model=pyseq.load(file), language_model_weight=0.5)
    names = pyseq.load("dates")
    with pytest.raises(pyseq.ArgumentError, match="replace_unknowns: the"):
        names.translate_batch(["1 May 2020"], replace_unknowns=True)
