"""Generator.generate_batch: searches behind prompts, against a model that reads every text anew."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from test_cli import output_of, pyseq_command
from tiny_generators import CHARACTERS, WORDS, write_gpt, write_recurrent

import pyseq
from pyseq import decode
from pyseq.decode import Regex, Trie
from pyseq.tasks import Generator, Hypothesis

Array = np.ndarray[Any, Any]
PROMPTS = ["abc", "hag", "abc", "deadbeef head", "b"]


@pytest.fixture(scope="module")
def gpt() -> Generator:
    return write_gpt(end=8)  # the space


@pytest.fixture(scope="module")
def words() -> Generator:
    return write_recurrent(WORDS, "gru", start=1, end=1)


class Anew:
    """A step model that reads the whole text of every row in every step."""

    def __init__(self, generator: Generator, context: list[int]) -> None:
        self.generator = generator
        self.rows = [context[:-1]]

    def step(self, tokens: Array) -> Array:
        self.rows = [[*row, int(token)] for row, token in zip(self.rows, tokens[:, 0], strict=True)]
        return np.array([[self.logits(row)] for row in self.rows])

    def logits(self, ids: list[int]) -> Array:
        state = self.generator.program.new_state(1)
        logits: Array = self.generator.program.run("step", state=state, tokens=np.array([ids]))["logits"][0, -1]
        return logits

    def reorder(self, parents: Array) -> None:
        self.rows = [self.rows[parent] for parent in parents]


OPTIONS: list[dict[str, Any]] = [
    {},
    {"beam_size": 4, "n_best": 3, "length_penalty": 0.7},
    {"beam_size": 4, "n_best": 4, "groups": 2, "diversity_penalty": 1.0},
    {"n_best": 3, "alternatives": True, "beam_size": 2},
    {"beam_size": 2, "suppress": [3], "biases": {2: 1.5}, "vocabulary": [0, 1, 2, 3]},
    {"beam_size": 3, "min_length": 4, "max_length": 6, "early_exit": "never"},
    {"beam_size": 3, "phrases": [[1, 2]]},
    {"sample": True, "n_best": 2, "temperature": 1.5, "top_k": 5, "seed": [5]},
    {"beam_size": 2, "top_tokens": 2},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["gpt", "words"])
def test_options_of_a_search(name: str, options: dict[str, Any], request: pytest.FixtureRequest) -> None:
    generator: Generator = request.getfixturevalue(name)
    vocabulary, prompts = (CHARACTERS, PROMPTS) if name == "gpt" else (WORDS, ["to be", "", "or not to be or", "to be"])
    end = 8 if name == "gpt" else 1
    many = dict(options)
    if name == "words" and "phrases" in options:
        many["phrases"] = options["phrases"] = [[2, 3]]
    if "phrases" in many:
        many["phrases"] = [many["phrases"]] * len(prompts)
    if "seed" in many:
        many["seed"] = many["seed"] * len(prompts)
    found = generator.generate_batch(prompts, **many)
    for prompt, hypotheses in zip(prompts, found, strict=True):
        context = ([1] if name == "words" else []) + vocabulary.encode(prompt)
        one = {**options, "phrases": [options["phrases"]]} if "phrases" in options else options
        expected = decode.search(Anew(generator, context), 1, start=context[-1], end=end, **{"max_length": 20, **one})[
            0
        ]
        assert [h.ids for h in hypotheses] == [h.ids for h in expected]
        assert [h.finished for h in hypotheses] == [h.finished for h in expected]
        np.testing.assert_allclose([h.score for h in hypotheses], [h.score for h in expected], atol=1e-4)
        for hypothesis in hypotheses:
            separator = " " if name == "words" and prompt and hypothesis.ids else ""
            assert hypothesis.text == separator + vocabulary.decode(hypothesis.ids)
            assert hypothesis.tokens == [vocabulary.tokens[id] for id in hypothesis.ids]
    alone = [
        generator.generate_batch([prompt], **{name: value[:1] if name in ("phrases", "seed") else value
                                              for name, value in many.items()})[0]
        for prompt in prompts
    ]  # fmt: skip
    if not options.get("sample"):
        assert alone == found  # bit by bit, whatever stands beside a prompt


def test_a_prompt_counts_as_history(gpt: Generator) -> None:
    prompt = "abab"
    for hypothesis in gpt.generate_batch([prompt], beam_size=3, n_best=3, no_repeat_ngram_size=2, max_length=9)[0]:
        pairs = list(pairwise(CHARACTERS.encode(prompt) + hypothesis.ids))[len(prompt) - 1 :]
        assert len(set(pairs)) == len(pairs)
        assert not set(pairs) & {(0, 1), (1, 0)}
    ids = CHARACTERS.encode(prompt)
    slow = Anew(gpt, ids)
    for _ in range(5):
        logits = slow.logits(ids)
        for token in set(ids):
            logits[token] = logits[token] / 1.8 if logits[token] > 0 else logits[token] * 1.8
        logits[8] = -np.inf
        ids.append(int(logits.argmax()))
    found = gpt.generate_batch([prompt], repetition_penalty=1.8, min_length=5, max_length=5)[0][0]
    assert found.ids == ids[len(prompt) :]


def test_prefixes_are_forced_or_favoured(gpt: Generator) -> None:
    plain, forced = (gpt.generate_batch(["abc"], prefixes=prefixes)[0][0] for prefixes in ([], ["gg"]))
    assert forced.ids[:2] == [6, 6] != plain.ids[:2]
    assert gpt.generate_batch(["abc"], prefixes=["gg"], prefix_bias=0.99)[0][0].ids[:2] == [6, 6]
    assert gpt.generate_batch(["abcgg"], max_length=18)[0][0].ids == forced.ids[2:]


def test_constraints_as_texts(gpt: Generator, words: Generator) -> None:
    pattern = "(a|bc)+h"
    for hypothesis in gpt.generate_batch(["abc"], allowed=Regex(pattern), beam_size=3, n_best=2)[0]:
        assert re.fullmatch(pattern, hypothesis.text)
    assert gpt.generate_batch(["abc"], allowed=Trie(["dad", "dada"]))[0][0].text in ("dad", "dada")
    assert "or not" in words.generate_batch(["to"], phrases=[["or not"]], beam_size=4)[0][0].text
    assert "to" not in words.generate_batch(["be"], suppress=["to"], beam_size=4)[0][0].tokens
    with pytest.raises(pyseq.ArgumentError, match="generate: 'to' is not a token of the vocabulary"):
        gpt.generate_batch(["a"], suppress=["to"])


def test_models_without_an_end_mark() -> None:
    endless = write_gpt()
    found = endless.generate_batch(["abc"], beam_size=3, n_best=3, max_length=6)[0]
    assert [len(hypothesis.ids) for hypothesis in found] == [6] * 3
    assert not any(hypothesis.finished for hypothesis in found)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    # They end where constraints allow nothing more.
    for beam_size in (1, 3):
        found = endless.generate_batch(["abc"], beam_size=beam_size, allowed=Trie(["hag", "had"]))[0]
        assert found[0].text in ("hag", "had")
    written = "".join(endless.stream("abc", allowed=Trie(["hag", "had"]), temperature=0))
    assert written in ("hag", "had")


def test_it_can_be_watched_and_stopped(gpt: Generator) -> None:
    lengths = []

    def on_step(progress: Any) -> bool:
        lengths.append(progress.length)
        return bool(progress.length == 3)

    (found,) = gpt.generate_batch(["abc"], beam_size=2, min_length=9, on_step=on_step)
    assert lengths == [1, 2, 3]
    assert len(found[0].ids) == 3
    assert not found[0].finished
    traced = gpt.generate_batch(["abc"], beam_size=2, trace=True)[0][0]
    assert traced.trace is not None
    assert traced.trace.as_object()["title"] == "abc"
    cancel = pyseq.CancelToken()
    cancel.cancel()
    with pytest.raises(pyseq.CancelledError):
        gpt.generate_batch(["abc"], cancel=cancel)
    with pytest.raises(pyseq.CancelledError):
        list(gpt.stream("abc", cancel=cancel))
    with pytest.raises(pyseq.DeadlineError):
        gpt.generate_batch(["abc"], deadline=0.0)
    with pytest.raises(pyseq.DeadlineError):
        list(gpt.stream("abc", deadline=0.0))


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        ([""], {}, "the text is empty"),
        (["a"], {"beam": 2}, "unknown option 'beam'"),
        (["a"], {"prefixes": ["a", "b"]}, r"2 of prefix, expected none or one per source \(1\)"),
        (["a"], {"coverage_penalty": 0.5}, "expected 0 with a model that gives no attention"),
        (["a"], {"temperature": 0.5}, "expected sample=True"),
    ],
)
def test_what_is_impossible(gpt: Generator, prompts: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        gpt.generate_batch(prompts, **options)


def test_nothing_for_no_prompts(gpt: Generator) -> None:
    assert gpt.generate_batch([]) == []


def test_the_command_searches_and_draws(gpt: Generator, tmp_path: Any) -> None:
    file = tmp_path / "gpt.safetensors"
    gpt.save(file)
    found: list[list[Hypothesis]] = gpt.generate_batch(["abc", "hag"], beam_size=3, n_best=2, biases={"a": 1.5})
    expected = [prompt + h.text for prompt, all_of in zip(["abc", "hag"], found, strict=True) for h in all_of]
    assert output_of("run", file, "abc", "hag", "--beam-size", 3, "--n-best", 2, "--bias", "a=1.5").splitlines() == (
        expected
    )
    drawn = gpt.generate_batch(["abc"], sample=True, seed=[2 << 32], suppress=["a"])[0][0].text
    assert output_of("run", file, "abc", "--suppress", "a", "--seed", 2).splitlines() == ["abc" + drawn]
    finished = pyseq_command("run", file, "abc", "--ensemble", file)
    assert finished.returncode == 1
    assert finished.stderr == "pyseq: run: --ensemble takes translators\n"
    finished = pyseq_command("run", file, "abc", "--bias", "a")
    assert finished.stderr == "pyseq: run: --bias is 'a', expected TOKEN=NUMBER\n"
