"""CTC decoding beside other decoders: ``python -m bench.ctc_decoding [--rounds N]``

One thread, engines in turn, medians of the processor's time. Frames are peaky log-probabilities along a made-up
alignment, with noise: those of a trained model that is unsure at times (500 frames, 32 classes). Every engine's best
text is judged by the same measure: its log-probability over all alignments (`ops.ctc_loss`), with a language model
plus the weighted score.
Needs ``pip install fast-ctc-decode flashlight-text`` (each is left out where it is missing).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq import ctc, ops

TOKENS = ["_", *"abcdefghijklmnopqrstuvwxyz", " ", "'", "-", ".", ","]
SPACE, FRAMES, CLASSES = 27, 500, len(TOKENS)
ALPHA, WORD_SCORE = 0.5, 1.0  # of log10 probabilities, and per word
SAMPLE_SECONDS = 0.01  # short calls are timed several at a time
Ids = list[int]
Call = Callable[[], Any]


@dataclass
class Case:
    """Engines with the same work, the least ratio of each peer's time to pyseq's, and how a result is judged."""

    name: str
    engines: dict[str, Call]
    targets: dict[str, float] = field(default_factory=dict)
    ids: Callable[[Any], Ids] | None = None
    judge: Callable[[Ids], float] | None = None


def emissions(seed: int, labels: Ids | None = None, sharp: float = 4.0) -> Any:
    """Log-probabilities [time, classes] along an alignment of `labels`, of random ones where there are none."""
    random = np.random.default_rng(seed)
    path: Ids = []
    for label in labels if labels is not None else iter(lambda: int(random.integers(1, 28)), 0):
        path += [label] * int(random.integers(1, 3)) + [0] * int(random.integers(1, 5))
        if len(path) >= FRAMES:
            break
    path = (path + [0] * FRAMES)[:FRAMES]
    x = random.standard_normal((FRAMES, CLASSES)) * 1.2
    x[np.arange(FRAMES), path] += sharp + random.standard_normal(FRAMES)
    return (x - np.log(np.exp(x).sum(-1, keepdims=True))).astype(np.float32)


def collapsed(path: Ids) -> Ids:
    """The labels of a path, for engines that give one."""
    return ctc.collapse([token for token in path if token >= 0]).tolist()


def log_prob_of(log_probs: Any) -> Callable[[Ids], float]:
    """The log-probability of labels over all of their alignments."""
    return lambda ids: -float(ops.ctc_loss(log_probs[None], np.array([ids], np.int64).reshape(1, -1))[0])


def greedy_case() -> Case:
    """64 rows, their labels."""
    log_probs = np.stack([emissions(seed) for seed in range(64)])

    def numpy() -> list[Ids]:
        best = log_probs.argmax(-1)
        keep = best != 0
        keep[:, 1:] &= best[:, 1:] != best[:, :-1]
        return [row[kept].tolist() for row, kept in zip(best, keep, strict=True)]

    def own() -> list[Ids]:
        return [row.tokens.tolist() for row in ctc.greedy(log_probs)]

    assert numpy() == own()
    return Case("greedy, 64 rows", {"pyseq": own, "numpy": numpy}, {"numpy": 2.0})


def free_case(beam_size: int) -> Case:
    """Prefix beam search without anything else."""
    log_probs = emissions(0)
    decoder = ctc.Decoder(TOKENS, beam_size=beam_size)
    engines: dict[str, Call] = {"pyseq": lambda: decoder.decode(log_probs)[0].tokens}
    if find_spec("fast_ctc_decode"):
        import fast_ctc_decode

        probabilities, alphabet = np.exp(log_probs), "".join(TOKENS)

        def fast() -> Ids:
            text, _ = fast_ctc_decode.beam_search(probabilities, alphabet, beam_size=beam_size, beam_cut_threshold=0.0)
            return [TOKENS.index(character) for character in text]

        engines["fast-ctc-decode"] = fast
    if find_spec("flashlight"):
        engines["flashlight"] = flashlight_free(log_probs, beam_size)
    targets = {"fast-ctc-decode": 2.0, "flashlight": 8.0}
    return Case(f"beam {beam_size}", engines, targets, lambda ids: ids, log_prob_of(log_probs))


def flashlight_free(log_probs: Any, beam_size: int) -> Call:
    """Its decoder without a lexicon."""
    import flashlight.lib.text.decoder as library

    options = library.LexiconFreeDecoderOptions(
        beam_size=beam_size,
        beam_size_token=CLASSES,
        beam_threshold=1e9,
        lm_weight=0.0,
        sil_score=0.0,
        log_add=True,
        criterion_type=library.CriterionType.CTC,
    )
    decoder = library.LexiconFreeDecoder(options, library.ZeroLM(), -1, 0, [])
    return lambda: collapsed(decoder.decode(log_probs.ctypes.data, FRAMES, CLASSES)[0].tokens)


def write_arpa(folder: Path) -> tuple[Path, list[str]]:
    """A made-up trigram model over 2000 words."""
    random = np.random.default_rng(7)
    words = sorted({"".join(map(chr, random.integers(97, 123, random.integers(2, 8)))) for _ in range(2000)})
    pairs = zip(random.zipf(1.3, 20000) % len(words), random.zipf(1.3, 20000) % len(words), strict=True)
    bigrams = sorted({(words[int(a)], words[int(b)]) for a, b in pairs})
    known, trigrams = set(bigrams), set()
    for a, b in bigrams[::2]:
        c = words[int(random.zipf(1.3)) % len(words)]
        if (b, c) in known:
            trigrams.add((a, b, c))
    lines = ["\\data\\", f"ngram 1={len(words) + 3}", f"ngram 2={len(bigrams)}", f"ngram 3={len(trigrams)}"]
    lines += [
        "",
        "\\1-grams:",
        *(f"{-99 if w == '<s>' else -3.3}\t{w}\t-0.4" for w in ["<unk>", "<s>", "</s>", *words]),
    ]
    lines += ["", "\\2-grams:", *(f"{-1.5 - 0.001 * (i % 997):.3f}\t{a} {b}\t-0.2" for i, (a, b) in enumerate(bigrams))]
    lines += ["", "\\3-grams:"]
    lines += [f"{-0.7 - 0.001 * (i % 997):.3f}\t{a} {b} {c}" for i, (a, b, c) in enumerate(sorted(trigrams))]
    file = folder / "words.arpa"
    file.write_text("\n".join([*lines, "", "\\end\\", ""]))
    return file, words


def language_case(beam_size: int, file: Path, words: list[str]) -> Case:
    """With a lexicon and a trigram model, on frames of words."""
    random = np.random.default_rng(3)
    text = " ".join(words[int(n) % len(words)] for n in random.zipf(1.3, 60))
    log_probs = emissions(1, [TOKENS.index(character) for character in text])
    model = ctc.NgramModel(file)
    decoder = ctc.Decoder(
        TOKENS,
        lexicon=words,
        language_model=model,
        beam_size=beam_size,
        alpha=ALPHA / float(np.log(10)),
        beta=WORD_SCORE,
    )
    engines: dict[str, Call] = {"pyseq": lambda: decoder.decode(log_probs)[0].tokens}
    if find_spec("flashlight"):
        engines["flashlight"] = flashlight_language(log_probs, beam_size, file, words)

    def judge(ids: Ids) -> float:
        found = "".join(TOKENS[token] for token in ids).split()
        return log_prob_of(log_probs)(ids) + ALPHA * model.log10_prob(found) + WORD_SCORE * len(found)

    return Case(f"beam {beam_size}, lexicon, 3-grams", engines, {"flashlight": 1.5}, lambda ids: ids, judge)


def flashlight_language(log_probs: Any, beam_size: int, file: Path, words: list[str]) -> Call:
    """Its decoder with a lexicon and KenLM."""
    import flashlight.lib.text.decoder as library
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary

    dictionary = Dictionary()
    for word in [*words, "<unk>"]:
        dictionary.add_entry(word)
    unknown = dictionary.get_index("<unk>")
    dictionary.set_default_index(unknown)
    model = KenLM(str(file), dictionary)
    trie = library.Trie(CLASSES, SPACE)
    start = model.start(False)
    for word in words:
        index = dictionary.get_index(word)
        spelling = [TOKENS.index(character) for character in word] + [SPACE]
        trie.insert(spelling, index, model.score(start, index)[1])
    trie.smear(library.SmearingMode.MAX)
    options = library.LexiconDecoderOptions(
        beam_size=beam_size,
        beam_size_token=CLASSES,
        beam_threshold=1e9,
        lm_weight=ALPHA,
        word_score=WORD_SCORE,
        unk_score=-1e9,
        sil_score=0.0,
        log_add=True,
        criterion_type=library.CriterionType.CTC,
    )
    decoder = library.LexiconDecoder(options, trie, model, SPACE, 0, unknown, [], False)
    return lambda: collapsed(decoder.decode(log_probs.ctypes.data, FRAMES, CLASSES)[0].tokens)


def seconds_of(call: Call) -> float:
    """Of one call, the second one."""
    call()
    begin = time.process_time()
    call()
    return max(time.process_time() - begin, 1e-6)


def measure(case: Case, rounds: int) -> dict[str, float]:
    """Median milliseconds of each engine, in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in case.engines}
    repeats = {name: max(1, round(SAMPLE_SECONDS / seconds_of(call))) for name, call in case.engines.items()}
    for _ in range(rounds):
        for name, call in case.engines.items():
            call()
            begin = time.process_time()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((time.process_time() - begin) / repeats[name])
    return {name: 1000 * statistics.median(times) for name, times in seconds.items()}


def report(case: Case, rounds: int) -> list[str]:
    """A table row per engine."""
    times = measure(case, rounds)
    rows = []
    for name, milliseconds in times.items():
        ratio = milliseconds / times["pyseq"]
        wanted = case.targets.get(name)
        verdict = "" if wanted is None else f"≥ {wanted:g}: {'met' if ratio >= wanted else 'missed'}"
        value = ""
        if case.ids is not None and case.judge is not None:
            value = f"{case.judge(case.ids(case.engines[name]())):.3f}"
        rows.append(f"| {case.name} | {name} | {milliseconds:.2f} | {ratio:.2f} | {verdict} | {value} |")
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    arguments = parser.parse_args()
    pyseq.set_num_threads(1)
    print("| work | engine | CPU ms | time / pyseq's | target | score of its best |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        file, words = write_arpa(Path(folder))
        cases = [greedy_case(), free_case(16), free_case(100)]
        cases += [language_case(beam_size, file, words) for beam_size in (16, 100)]
        for case in cases:
            if arguments.only in case.name:
                print("\n".join(report(case, arguments.rounds)), flush=True)


if __name__ == "__main__":
    main()
