"""Programs with bfloat16 and int8 weights: files, reports, and what happens to the real models."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import skip_or_fail
from float64_program import Float64Program
from model_folders import write_folder
from real_models import grapheme_to_phoneme, transliteration
from test_cli import output_of, pyseq_command
from test_hub_g2p import REAL_WORDS

import pyseq
from pyseq import nn
from pyseq.quantization import compare_runs, quantize, weight_errors
from pyseq.quantization.activations import run_on_arrays
from pyseq.tasks import Translator

NARROW = ("bfloat16", "int8")
# Largest relative error (Frobenius) of random matrices: half a step of 8 bits of mantissa, or of 127 levels.
WEIGHT_BUDGET = {"bfloat16": 2**-9, "int8": 0.012}
LAYER_BUDGET = {"bfloat16": 0.006, "int8": 0.03}


class Classifier(nn.Module):
    """Tied embedding and projection around two products."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        self.first = nn.Linear(32, 100, activation="relu")
        self.second = nn.Linear(100, 32)

    def forward(self, tokens: pyseq.Tensor) -> pyseq.Tensor:
        hidden = self.second(self.first(self.embedding(tokens)))
        return pyseq.ops.linear(hidden, self.embedding.weight)


TOKENS = np.arange(12).reshape(3, 4)


@pytest.fixture(scope="module")
def content() -> bytes:
    return pyseq.export(Classifier(), None, {"tokens": TOKENS})


@pytest.fixture(scope="module")
def program(content: bytes) -> pyseq.Program:
    return pyseq.Program.parse(content)


@pytest.mark.parametrize("dtype", NARROW)
def test_a_quantised_file_is_smaller_and_gives_the_bits_of_quantising_at_load_time(
    program: pyseq.Program, content: bytes, dtype: str, tmp_path: Path
) -> None:
    written = quantize(program, dtype, tmp_path / "narrow.safetensors")
    assert (tmp_path / "narrow.safetensors").read_bytes() == written
    assert len(written) < len(content)
    narrow = pyseq.Program.load(tmp_path / "narrow.safetensors")
    stored = {tensor["name"]: tensor["dtype"] for tensor in narrow.tensors}
    assert {name for name, kind in stored.items() if kind == dtype} == {
        "embedding.weight",
        "first.weight",
        "second.weight",
    }
    at_load_time = pyseq.Program.parse(content, dtype=dtype)
    for other in (narrow, program.with_dtype(dtype), pyseq.Program.parse(written, dtype=dtype)):
        outputs = other.run("forward", tokens=TOKENS)["output"]
        np.testing.assert_array_equal(outputs, at_load_time.run("forward", tokens=TOKENS)["output"])


class Convolutions(nn.Module):
    """Dense, grouped and depthwise."""

    def __init__(self) -> None:
        self.dense = nn.Conv1d(20, 36, 3, padding=1)
        self.grouped = nn.Conv1d(36, 36, 3, padding=1, groups=4)
        self.depthwise = nn.Conv1d(36, 36, 5, padding=2, groups=36)
        self.plane = nn.Conv2d(36, 8, 3, padding=1)

    def forward(self, x: pyseq.Tensor, y: pyseq.Tensor) -> tuple[pyseq.Tensor, pyseq.Tensor]:
        return self.depthwise(self.grouped(self.dense(x))), self.plane(y)


@pytest.mark.parametrize("dtype", NARROW)
def test_weights_of_convolutions_are_narrow_in_the_file(dtype: str) -> None:
    rng = np.random.default_rng(2)
    shapes = {"x": (2, 9, 20), "y": (2, 5, 6, 36)}
    inputs: dict[str, Any] = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    plane = pyseq.Input(inputs["y"], dims=("batch", "height", "width", 36))
    content = pyseq.export(Convolutions(), None, {"x": inputs["x"], "y": plane})
    written = quantize(pyseq.Program.parse(content), dtype)
    narrow = pyseq.Program.parse(written)
    for tensor in narrow.tensors:
        assert tensor["dtype"] == (dtype if "weight" in tensor["name"] else "float32"), tensor["name"]
    exact, found = pyseq.Program.parse(content), narrow.run("forward", **inputs)
    at_load_time = pyseq.Program.parse(content, dtype=dtype).run("forward", **inputs)
    for name, expected in exact.run("forward", **inputs).items():
        np.testing.assert_array_equal(found[name], at_load_time[name])
        error = np.linalg.norm(found[name] - expected) / np.linalg.norm(expected)
        assert 0 < error < 2 * LAYER_BUDGET[dtype], name
    for error in weight_errors(exact, dtype):
        assert error.shape == exact.tensor(error.name).shape
        assert 0 < error.relative < WEIGHT_BUDGET[dtype], error


def test_a_narrow_file_loads_as_float32_with_the_values_that_it_holds(program: pyseq.Program) -> None:
    narrow = pyseq.Program.parse(quantize(program, "int8"))
    wide = narrow.with_dtype("float32")
    expected = narrow.tensor("embedding.weight")[TOKENS]
    for name in ("first", "second"):
        expected = expected @ narrow.tensor(f"{name}.weight").T + narrow.tensor(f"{name}.bias")
        expected = np.maximum(expected, 0) if name == "first" else expected
    expected = expected @ narrow.tensor("embedding.weight").T
    np.testing.assert_allclose(wide.run("forward", tokens=TOKENS)["output"], expected, atol=1e-4)


@pytest.mark.parametrize("dtype", NARROW)
def test_reports_measure_the_errors_of_weights_and_layers(program: pyseq.Program, dtype: str) -> None:
    narrow = program.with_dtype(dtype)
    stored = pyseq.Program.parse(quantize(program, dtype))
    for error in weight_errors(program, dtype):
        exact, kept = program.tensor(error.name), stored.tensor(error.name)
        assert error.relative == pytest.approx(np.linalg.norm(kept - exact) / np.linalg.norm(exact), rel=1e-3)
        assert 0 < error.relative < WEIGHT_BUDGET[dtype]
        assert error.signal_to_noise == pytest.approx(-20 * np.log10(error.relative))
    layers = compare_runs(program, narrow, run_on_arrays("forward", {"tokens": TOKENS}))
    assert [layer.op for layer in layers] == ["embedding", "linear", "linear", "linear"]
    exact, moved = (each.run("forward", tokens=TOKENS)["output"] for each in (program, narrow))
    assert layers[-1].relative == pytest.approx(np.linalg.norm(moved - exact) / np.linalg.norm(exact), rel=1e-3)
    assert all(0 < layer.relative < LAYER_BUDGET[dtype] for layer in layers)
    same = compare_runs(program, program, run_on_arrays("forward", {"tokens": TOKENS}))
    assert all(layer.relative == 0 for layer in same)


def test_what_cannot_be_quantised(program: pyseq.Program, content: bytes) -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"dtype is 'int4', expected one of float32, bfloat16, int8"):
        quantize(program, "int4")
    with pytest.raises(pyseq.ArgumentError, match=r'dtype is "int4", expected float32, bfloat16 or int8'):
        pyseq.Program.parse(content, dtype="int4")
    model = nn.Linear(4, 4)
    model.weight.numpy()[1, 2] = np.inf
    broken = pyseq.export(model, None, {"x": np.ones((1, 1, 4), np.float32)})
    with pytest.raises(pyseq.ArgumentError, match=r"tensor weight: pack_weight: weight has inf in row 1"):
        quantize(pyseq.Program.parse(broken), "int8")
    with pytest.raises(pyseq.ArgumentError, match=r"tensor weight: pack_weight: weight has inf in row 1"):
        pyseq.Program.parse(broken, dtype="int8")


@pytest.mark.parametrize("dtype", NARROW)
def test_a_damaged_narrow_file_is_refused(program: pyseq.Program, dtype: str) -> None:
    written = quantize(program, dtype)
    other_gates = written.replace(rb"\"gates\": 1", rb"\"gates\": 3")
    assert other_gates != written
    for damaged in (written[:-8], other_gates):
        with pytest.raises(pyseq.FormatError):
            pyseq.Program.parse(damaged)
    for code in (b'"BF16"', b'"I8"'):
        wrong = written.replace(code, b'"U8"'.ljust(len(code)))
        if wrong != written:
            with pytest.raises(pyseq.FormatError):
                pyseq.Program.parse(wrong)


# The command.


def test_the_command_writes_a_file_that_runs(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    file = tmp_path / "int8.safetensors"
    assert "before" in output_of("quantize", folder, "-o", file)
    arguments = ("abc", "--max-length", 9)
    assert output_of("run", file, *arguments) == output_of("run", folder, "--dtype", "int8", *arguments)


def test_the_command_reports(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    lines = tmp_path / "lines.txt"
    lines.write_text("abc\nhgf\n")
    plain = output_of("quantize", folder, "--report")
    assert "weights only: without data" in plain
    assert "encoder.layers.0.feed_forward.linear1.weight" in plain
    found = json.loads(output_of("quantize", folder, "--report", "--data", lines, "--json", "--dtype", "bfloat16"))
    assert found["results"]["lines"] == 2
    assert {layer["op"] for layer in found["layers"]} >= {"linear", "embedding", "attention"}
    assert "results unchanged" in output_of("quantize", folder, "--report", "--data", lines)


def test_the_command_takes_arrays(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    np.savez(tmp_path / "data.npz", tokens=TOKENS)
    arguments = ("quantize", tmp_path / "model.safetensors", "--report", "--json", "--data")
    found = json.loads(output_of(*arguments, tmp_path / "data.npz"))
    assert len(found["layers"]) == 4
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    finished = pyseq_command(*arguments, tmp_path / "broken.npz")
    assert finished.returncode == 1
    assert "is not an .npz file" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "nothing to do"),
        (("-o", "x", "--data", "y"), "--data is for the report"),
        (("--report", "--data", "missing"), "missing"),
    ],
)
def test_the_command_explains_what_is_missing(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    finished = pyseq_command("quantize", write_folder(tmp_path / "model"), *arguments)
    assert finished.returncode == 1
    assert sentence in finished.stderr
    assert len(finished.stderr.splitlines()) == 1


# The real models.


def english_words(data_dir: Path, count: int) -> list[str]:
    """Words of a pronunciation dictionary, in no order."""
    file = data_dir / "cmudict" / "train.dict.gz"
    if not file.is_file():
        skip_or_fail(f"{file} is not there")
    with gzip.open(file, "rt") as lines:
        words = sorted({line.split()[0] for line in lines if line.split() and line.split()[0].isalpha()})
    return [str(word) for word in np.random.default_rng(11).choice(words, count, replace=False)]


def unchanged(expected: list[str], translator: Translator, words: list[str], **options: Any) -> int:
    found = [" ".join(hypotheses[0].tokens) for hypotheses in translator.translate_batch(words, **options)]
    return sum(a == b for a, b in zip(expected, found, strict=True))


@pytest.mark.parametrize("dtype", NARROW)
def test_95_percent_of_transliterated_words_stay_as_they_are(data_dir: Path, dtype: str) -> None:
    folder = transliteration(data_dir)
    translator = pyseq.load(folder, dtype=dtype)
    words = same = 0
    for case in json.loads((folder / "goldens.json").read_text())["cases"]:
        options = {key: case["options"][key] for key in ("beam_size", "length_penalty")}
        expected = [" ".join(result["hypotheses"][0]) for result in case["results"]]
        words += len(expected)
        same += unchanged(expected, translator, [result["source"] for result in case["results"]], **options)
    assert words > 100
    assert same >= 0.95 * words


@pytest.mark.parametrize("dtype", NARROW)
def test_95_percent_of_pronunciations_stay_as_they_are(data_dir: Path, dtype: str) -> None:
    folder = grapheme_to_phoneme()
    words = REAL_WORDS.split() + english_words(data_dir, 400)
    expected = [" ".join(hypotheses[0].tokens) for hypotheses in pyseq.load(folder).translate_batch(words)]
    assert unchanged(expected, pyseq.load(folder, dtype=dtype), words) >= 0.95 * len(words)


def assert_float32_is_within_budget(folder: Path, words: list[str]) -> None:
    translator = pyseq.load(folder)
    program, task = translator.program, translator.program.task
    for word in words:
        source = np.array([program.vocabulary(task["source_vocabulary"]).encode(word) + task["source_suffix"]])
        inputs: dict[str, Any] = {"tokens": source, "lengths": np.array([source.shape[1]])}
        state, judge = program.new_state(1), Float64Program(program)
        program.run("encode", state=state, **inputs)
        judge.run("encode", **inputs)
        for token in [task["start"], *translator.translate(word).ids]:
            step: dict[str, Any] = {"tokens": np.array([[token]])}
            logits = program.run("step", state=state, **step)["logits"]
            expected = judge.run("step", **step)["logits"]
            np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def test_float32_is_within_2e_5_of_float64_on_both_models(data_dir: Path) -> None:
    assert_float32_is_within_budget(transliteration(data_dir), ["محمد", "صنعاء"])
    assert_float32_is_within_budget(grapheme_to_phoneme(), ["rhythm", "colonel"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_caches_are_stored_as_asked_for_at_load_time(dtype: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "model")
    stored = pyseq.load(folder).program
    file = tmp_path / "model.safetensors"
    stored.save(file)
    tokens, lengths = np.array([[1, 2, 3], [2, 1, 0]]), np.array([3, 2])
    results = []
    for program in (
        stored,
        pyseq.load(folder, cache_dtype=dtype).program,
        pyseq.load(file, cache_dtype=dtype).program,
        pyseq.Program.parse(file.read_bytes(), cache_dtype=dtype),
        stored.with_dtype(None, cache_dtype=dtype),
    ):
        caches = {state["dtype"] for state in program.state if state["kind"] == "cache"}
        assert caches == {"float32" if program is stored else dtype}
        state = program.new_state(2)
        program.run("encode", state=state, tokens=tokens, lengths=lengths)
        steps = [program.run("step", state=state, tokens=np.array([[2], [n]]))["logits"] for n in (1, 2, 3)]
        results.append(np.stack(steps))
    for other in results[2:]:
        np.testing.assert_array_equal(other, results[1])
    largest = np.abs(results[0]).max()
    difference = np.abs(results[1] - results[0]).max() / largest
    assert difference <= {"float32": 0, "bfloat16": 0.05, "int8": 0.1}[dtype]
    assert (difference == 0) == (dtype == "float32")
