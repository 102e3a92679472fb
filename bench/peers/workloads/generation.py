"""Decoding: translation with a Transformer base, greedy and with beams, and text after a prompt with GPT-2 small.

Weights are random, so that near ties may be decided otherwise in another precision: what is compared is the number of
tokens. Equal tokens are the tests' business (tests/parity).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.peers.engines import checkpoints, ctranslate2_engine, pyseq_engine, torch_engine, transformers_engine
from bench.peers.model import Array, Builder, Call, Case, Phase, Target, Workload

SOURCE, WRITTEN = 20, 32  # tokens per text
PROMPT, FOLLOWING = 64, 64
TARGETS = {
    "translation b1 beam1": (1.7, 2.5),
    "translation b1 beam4": (2.0, 3.0),
    "translation b8 beam4": (2.0, 2.5),
    "gpt2 64+64": (1.2, 1.5),
}


def words(ids: Array) -> list[str]:
    """Tokens of the made-up vocabularies."""
    return [f"t{id}" for id in ids]


def token_count(result: Any) -> Array:
    """How many tokens every text has."""
    return np.array([len(row) for row in result], np.float64)


def build(name: str, threads: int) -> Case:
    """One kind of decoding."""
    return _gpt2(name, threads) if name.startswith("gpt2") else _translation(name, threads)


def _translation(name: str, threads: int) -> Case:
    batch, beams = (int("".join(filter(str.isdigit, part))) for part in name.split()[1:])
    source = np.random.default_rng(4).integers(10, 31990, (batch, SOURCE - 1))
    texts = [words(row) for row in source]

    def with_torch() -> Call:
        torch_engine.library(threads)
        model = transformers_engine.model("MarianMTModel", checkpoints.folder("translation-base"))
        ids = torch_engine.tensor(np.pad(source, ((0, 0), (0, 1))), "int64")  # the end mark is 0
        options = {"min_new_tokens": WRITTEN, "max_new_tokens": WRITTEN, "num_beams": beams, "do_sample": False}
        return torch_engine.inference(threads, lambda: model.generate(ids, **options)[:, 1:])

    def with_ctranslate2(precision: str) -> Call:
        folder = checkpoints.folder("translation-base")
        path = ctranslate2_engine.converted(folder, "MarianMTModel", "MarianMTLoader", precision)
        translator = ctranslate2_engine.engine("Translator", path, precision, threads)
        rows = [[*text, "</s>"] for text in texts]
        options = {"beam_size": beams, "min_decoding_length": WRITTEN, "max_decoding_length": WRITTEN}
        return lambda: [found.hypotheses[0] for found in translator.translate_batch(rows, **options)]

    def with_pyseq(precision: str) -> Call:
        pyseq_engine.start(threads)
        translator = pyseq_engine.loaded(checkpoints.folder("translation-base"), precision)
        lines = [" ".join([*text, "</s>"]) for text in texts]
        options = {"beam_size": beams, "min_length": WRITTEN, "max_length": WRITTEN, "length_penalty": 1.0}
        return lambda: [found[0].tokens for found in translator.translate_batch(lines, **options)]

    width, hidden, vocabulary = 512, 2048, 32001
    encoder = 6.0 * (4 * width**2 + 2 * width * hidden) + 6 * 2 * width**2
    decoder = 6.0 * (6 * width**2 + 2 * width * hidden) + width * vocabulary
    rows = batch * beams
    engines: dict[str, Builder] = {
        "torch": with_torch,
        "ctranslate2": lambda: with_ctranslate2("float32"),
        "pyseq": lambda: with_pyseq("float32"),
        "ctranslate2:int8": lambda: with_ctranslate2("int8"),
        "pyseq:int8": lambda: with_pyseq("int8"),
    }
    parts = [Phase(2.0 * batch * SOURCE * encoder, encoder)]
    parts.append(Phase(2.0 * rows * WRITTEN * decoder, decoder, passes=WRITTEN))
    return _case(name, engines, parts)


def _gpt2(name: str, threads: int) -> Case:
    prompt = np.random.default_rng(5).integers(10, 50000, (1, PROMPT))

    def with_torch() -> Call:
        torch_engine.library(threads)
        model = transformers_engine.model("GPT2LMHeadModel", checkpoints.folder("gpt2-small"))
        ids = torch_engine.tensor(prompt, "int64")
        options = {"min_new_tokens": FOLLOWING, "max_new_tokens": FOLLOWING, "do_sample": False}
        options |= {"pad_token_id": 0, "eos_token_id": None}
        return torch_engine.inference(threads, lambda: model.generate(ids, **options)[:, PROMPT:])

    def with_ctranslate2(precision: str) -> Call:
        folder = checkpoints.folder("gpt2-small")
        path = ctranslate2_engine.converted(folder, "GPT2LMHeadModel", "GPT2Loader", precision)
        generator = ctranslate2_engine.engine("Generator", path, precision, threads)
        options = {"max_length": FOLLOWING, "min_length": FOLLOWING, "include_prompt_in_result": False}
        rows = [words(prompt[0])]
        return lambda: [found.sequences[0] for found in generator.generate_batch(rows, sampling_topk=1, **options)]

    def with_pyseq(precision: str) -> Call:
        pyseq_engine.start(threads)
        generator = pyseq_engine.loaded(checkpoints.folder("gpt2-small"), precision)
        ids = prompt[0].tolist()
        return lambda: [list(generator.stream_ids(ids, temperature=0, max_length=FOLLOWING))]

    width, vocabulary = 768, 50257
    layers = 12 * 12.0 * width**2
    engines: dict[str, Builder] = {
        "torch": with_torch,
        "ctranslate2": lambda: with_ctranslate2("float32"),
        "pyseq": lambda: with_pyseq("float32"),
        "pyseq:bfloat16": lambda: with_pyseq("bfloat16"),
        "ctranslate2:int8": lambda: with_ctranslate2("int8"),
        "pyseq:int8": lambda: with_pyseq("int8"),
    }
    step = layers + width * vocabulary
    parts = [Phase(2.0 * PROMPT * layers, layers), Phase(2.0 * FOLLOWING * step, step, passes=FOLLOWING)]
    return _case(name, engines, parts)


def _case(name: str, engines: dict[str, Builder], parts: list[Phase]) -> Case:
    float32, int8 = TARGETS[name]
    targets = {"float32": Target(ratio=float32, scaling=1), "int8": Target(ratio=int8, scaling=1)}
    return Case(engines=engines, reference="torch", phases=parts, targets=targets, output=token_count)


WORKLOAD = Workload("generation", list(TARGETS), build, quick=[])
