"""Generator: texts drawn from a language model, against the same drawing written out in NumPy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from philox_reference import uniform
from tiny_generators import write_gpt

import pyseq
from pyseq.decode import Regex, Trie
from pyseq.models import LanguageModelOptions, RecurrentLanguageModel
from pyseq.tasks import Generator
from pyseq.tasks.drawing import drawing_options
from pyseq.text import Vocabulary

Array = np.ndarray[Any, Any]
CHARACTERS = Vocabulary("abcdefgh ", unit="character")
WORDS = Vocabulary(["<unk>", "<eos>", "to", "be", "or", "not"], unit="word", unknown=0)


def make_model(vocabulary: Vocabulary, cell: str = "lstm") -> RecurrentLanguageModel:
    options = LanguageModelOptions(len(vocabulary), embedding_size=6, hidden_size=12, cell=cell)
    model = RecurrentLanguageModel(options).initialize(3)
    model.projection.weight.data[...] *= 6  # far from even
    return model


def write(model: RecurrentLanguageModel, table: Vocabulary, **task: Any) -> Generator:
    complete = {"kind": "generator", "vocabulary": "text", "start": None, "end": None, "max_length": 20} | task
    examples = {"step": {"tokens": np.array([[1, 2], [3, 4]])}}
    data = pyseq.export(model, None, examples, task=complete, vocabularies={"text": table})
    return Generator(pyseq.Program.parse(data))


@pytest.fixture(scope="module")
def characters() -> Generator:
    return write(make_model(CHARACTERS), CHARACTERS)


@pytest.fixture(scope="module")
def words() -> Generator:
    return write(make_model(WORDS, "gru"), WORDS, start=1, end=1)


def logits_of(generator: Generator, ids: list[int]) -> Array:
    state = generator.program.new_state(1)
    logits: Array = generator.program.run("step", state=state, tokens=np.array([ids]))["logits"][0]
    return logits.astype(np.float64)


def probabilities(logits: Array, temperature: float, top_k: int, top_p: float, min_p: float) -> Array:
    """What a token is drawn from, by token."""
    scaled = logits / temperature
    p = np.exp(scaled - scaled.max())
    p /= p.sum()
    order = sorted(range(len(p)), key=lambda token: (-p[token], token))
    kept = order[:top_k] if top_k else order
    share = p[kept] / p[kept].sum()
    before = np.concatenate([[0], np.cumsum(share)[:-1]])
    result = np.zeros(len(p))
    for token, own, above in zip(kept, share, before, strict=True):
        if above < top_p and own >= min_p * share[0]:
            result[token] = own
    return result / result.sum()


OPTIONS = [
    {},
    {"temperature": 0.5},
    {"temperature": 2.0, "top_k": 3},
    {"top_p": 0.7},
    {"top_k": 5, "top_p": 0.6, "temperature": 1.5},
    {"min_p": 0.3},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_tokens_are_those_of_the_reference(characters: Generator, options: dict[str, Any]) -> None:
    complete: dict[str, Any] = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0} | options
    sorted_candidates = complete["top_k"] > 0 or complete["top_p"] < 1
    for seed in range(5):
        ids = CHARACTERS.encode("bad cab")
        for step in range(12):
            p = probabilities(logits_of(characters, ids)[-1], **complete)
            order = sorted(range(len(p)), key=lambda t: (-p[t], t)) if sorted_candidates else range(len(p))
            rest = uniform(seed, 7, step)
            for token in order:
                if rest < p[token]:
                    break
                rest -= p[token]
            ids.append(token)
        written = characters.generate("bad cab", max_length=12, seed=seed, stream=7, **options)
        assert written == CHARACTERS.decode(ids)


def test_temperature_zero_takes_the_likeliest(characters: Generator) -> None:
    ids = CHARACTERS.encode("h")
    for _ in range(8):
        ids.append(int(logits_of(characters, ids)[-1].argmax()))
    assert characters.generate("h", max_length=8, temperature=0.0) == CHARACTERS.decode(ids)


def test_frequencies_are_the_probabilities(characters: Generator) -> None:
    count = 4000
    drawn = [next(characters.stream("ab", max_length=1, seed=seed)) for seed in range(count)]
    expected = probabilities(logits_of(characters, CHARACTERS.encode("ab"))[-1], 1.0, 0, 1.0, 0.0)
    for token, p in zip(CHARACTERS.tokens, expected, strict=True):
        deviation = (p * (1 - p) / count) ** 0.5
        assert abs(drawn.count(token) / count - p) < 5 * deviation + 1e-9


def test_a_stream_gives_the_text_piece_by_piece(characters: Generator) -> None:
    pieces = list(characters.sample("abc", seed=4))
    assert len(pieces) == 20
    assert "abc" + "".join(pieces) == characters.generate("abc", seed=4)
    assert characters.generate("abc", seed=4) != characters.generate("abc", seed=5)
    assert characters.generate("abc", seed=4) != characters.generate("abc", seed=4, stream=1)


def test_long_prompts_are_read_in_parts(characters: Generator) -> None:
    prompt = "abcdefgh " * 70
    ids = CHARACTERS.encode(prompt)
    expected = CHARACTERS.tokens[int(logits_of(characters, ids)[-1].argmax())]
    assert next(characters.stream(prompt, temperature=0.0)) == expected


def test_words_are_joined_by_spaces_and_end_at_the_end_mark(words: Generator) -> None:
    texts = [words.generate("to be", seed=seed, max_length=50) for seed in range(20)]
    assert all(text.startswith("to be") and "<eos>" not in text and "  " not in text for text in texts)
    assert len({len(text.split()) for text in texts}) > 1
    opened = [words.generate(seed=seed) for seed in range(5)]
    assert all(not text.startswith(" ") for text in opened)


def test_score_is_the_sum_of_log_probabilities(characters: Generator, words: Generator) -> None:
    ids = CHARACTERS.encode("cabbage")
    logits = logits_of(characters, ids)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = [log_p[t, ids[t + 1]] for t in range(len(ids) - 1)]
    score = characters.score("cabbage")
    assert score.tokens == list("abbage")
    np.testing.assert_allclose(score.token_log_probs, expected, atol=1e-5)
    assert score.log_prob == pytest.approx(sum(expected), abs=1e-4)
    assert score.perplexity == pytest.approx(np.exp(-np.mean(expected)), rel=1e-5)
    assert words.score("to be or").tokens == ["to", "be", "or"]  # judged from the start mark on


def test_long_texts_are_scored_in_parts(characters: Generator) -> None:
    text = "a bad cafe " * 60
    ids = CHARACTERS.encode(text)
    logits = logits_of(characters, ids)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = log_p[np.arange(len(ids) - 1), ids[1:]]
    np.testing.assert_allclose(characters.score(text).token_log_probs, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "sampling: temperature is -1.*0 or more"),
        ({"top_k": -2}, "sampling: top_k is -2.*0"),
        ({"top_p": 0.0}, "sampling: top_p is 0.*more than 0"),
        ({"min_p": 1.5}, "sampling: min_p is 1.5.*0 to 1"),
        ({"max_length": -1}, "generate: max_length is -1"),
    ],
)
def test_impossible_options(characters: Generator, options: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.ArgumentError, match=message):
        characters.stream("a", **options)


def test_texts_that_cannot_be_read(characters: Generator, words: Generator) -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"generate: the text is empty.*character.*no start mark"):
        characters.stream("")
    with pytest.raises(pyseq.OutOfRangeError, match="Z"):
        characters.generate("Z")
    assert words.score("to zebra").tokens == ["to", "<unk>"]


def test_load_opens_a_generator(characters: Generator, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    characters.save(file)
    loaded = pyseq.load(file)
    assert isinstance(loaded, Generator)
    assert loaded.generate("abc", seed=4) == characters.generate("abc", seed=4)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"vocabulary": "none"}, 'generator: the program has no vocabulary "none"'),
        ({"end": 99}, 'generator: "end" is 99, outside its vocabulary of 9'),
        ({"max_length": 0}, 'generator: "max_length" is 0.*at least 1'),
        ({"positions": 0}, 'generator: "positions" is 0.*at least 1'),
        ({"start": "a"}, 'generator: "start" is "a".*integer'),
    ],
)
def test_incomplete_tasks(task: dict[str, Any], message: str) -> None:
    with pytest.raises(pyseq.FormatError, match=message):
        write(make_model(CHARACTERS), CHARACTERS, **task)


# --- constraints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["(a|b)*c", "a{3}", "[a-d]+ [e-h]+", "(ab|cd|ef)+", ".*h.*"])
def test_what_is_written_matches_the_pattern(characters: Generator, words: Generator, pattern: str) -> None:
    allowed = Regex(pattern)
    for stream in range(20):
        text = "".join(characters.stream("abc", max_length=12, stream=stream, allowed=allowed))
        assert re.fullmatch(pattern, text), text
    for options in ({"temperature": 0.0}, {"top_k": 1}, {"top_p": 0.3}, {"min_p": 0.5}):
        text = "".join(characters.stream("abc", max_length=12, allowed=allowed, **options))  # type: ignore[arg-type]
        assert re.fullmatch(pattern, text), text


def test_words_are_joined_by_spaces_in_patterns(words: Generator) -> None:
    for stream in range(30):
        text = "".join(words.stream("", max_length=9, stream=stream, allowed=Regex("(to be )*(or|not)( not)?"))).strip()
        assert re.fullmatch("(to be )*(or|not)( not)?", text), text
        assert "".join(words.stream("to", stream=stream, allowed=Trie(["be", "not to be"]))).strip() in (
            "be",
            "not to be",
        )


def test_writing_ends_where_nothing_more_is_allowed(characters: Generator) -> None:
    assert "".join(characters.stream("a", max_length=9, allowed=Regex("abc"))) == "abc"
    both = [Regex("a.*"), Regex(".*b.{2}")]
    assert re.fullmatch("a.*b..|ab..", "".join(characters.stream("a", max_length=6, allowed=both)))


def test_log_probabilities_are_those_of_the_model(characters: Generator) -> None:
    drawn = list(
        characters.core.stream(
            "ab", drawing_options({"max_length": 4, "seed": 1, "allowed": Regex("(cd)+")}, characters.core)
        )
    )
    score = characters.score("ab" + "".join(token.text for token in drawn))
    assert [token.log_prob for token in drawn] == pytest.approx(score.token_log_probs[1:], abs=1e-5)


def test_what_cannot_be_written_is_an_error(characters: Generator) -> None:
    for allowed in (Regex("z"), Regex("a{5}"), [Regex("a"), Regex("b")]):
        with pytest.raises(
            pyseq.ArgumentError, match=r"generate: no(thing that is allowed may follow|.* is allowed by all of)"
        ):
            "".join(characters.stream("a", max_length=4, allowed=allowed))
    with pytest.raises(pyseq.OutOfRangeError, match="z"):
        characters.generate("a", allowed=Trie(["z"]))
    with pytest.raises(pyseq.ArgumentError, match="expected a Trie or a Regex"):
        characters.generate("a", allowed="b")


# --- positions --------------------------------------------------------------------------------------------------------


def test_texts_end_where_the_positions_do() -> None:
    generator = write_gpt(max_positions=20, positions=20)
    prompts = ["a", "abcd", "abcdefgh abc", "abcdefgh abcdefgh ab"]
    texts = ["".join(generator.stream(prompt, max_length=50, seed=3)) for prompt in prompts]
    # All positions are read; what the last of them predicts is not.
    assert [len(text) for text in texts] == [21 - len(prompt) for prompt in prompts]
    assert len("".join(generator.stream("ab", max_length=4))) == 4
    with generator.serve() as service:
        assert [service.submit(prompt, max_length=50, seed=3).text() for prompt in prompts] == [
            prompt + text for prompt, text in zip(prompts, texts, strict=True)
        ]
    found = generator.generate_batch(prompts, max_length=50, min_length=4, beam_size=2)
    assert [(len(best[0].ids), best[0].finished) for best in found] == [(21 - len(prompt), False) for prompt in prompts]
    for prompt, together in zip(prompts, found, strict=True):
        (alone,) = generator.generate_batch([prompt], max_length=50, min_length=4, beam_size=2)
        assert alone[0].ids == together[0].ids


def test_longer_prompts_than_there_are_positions() -> None:
    generator = write_gpt(max_positions=20, positions=20)
    message = r"generate: the prompt has 21 tokens, expected at most 20 \(the model's positions\)"
    for write_on in (generator.stream, generator.generate, lambda prompt: generator.generate_batch([prompt])):
        with pytest.raises(pyseq.ArgumentError, match=message):
            write_on("abcdefgh abcdefgh abc")
    with generator.serve() as service, pytest.raises(pyseq.ArgumentError, match=message):
        service.submit("abcdefgh abcdefgh abc")
    assert len(generator.score("abcdefgh abcdefgh abc").tokens) == 20
    with pytest.raises(pyseq.ArgumentError, match=r"score: the text but for its last token has 21 tokens.*at most 20"):
        generator.score("abcdefgh abcdefgh abcd")
