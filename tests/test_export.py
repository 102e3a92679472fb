"""Export: the file equals the module, holds what it needs, and is written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import pyseq
from pyseq import decode, nn, ops
from pyseq.models import RecurrentEncoderDecoder, Transformer, TransformerOptions

RANDOM = np.random.default_rng(11)
TOKENS = RANDOM.integers(0, 10, (2, 6))
LENGTHS = np.array([6, 4])
ENCODE_STEP = {"encode": {"tokens": TOKENS, "lengths": LENGTHS}, "step": {"tokens": TOKENS[:, :1]}}


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


class Tagger(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(10, 8)
        self.lstm = nn.LSTM(8, 6, num_layers=2, bidirectional=True)
        self.output = nn.Linear(12, 5)
        self.unused = nn.Linear(3, 3)

    def forward(self, tokens: pyseq.Tensor, lengths: pyseq.Tensor) -> pyseq.Tensor:
        hidden, _ = self.lstm(self.embedding(tokens), lengths)
        return self.output(hidden)


def description(path: Path) -> dict[str, Any]:
    with safe_open(path, "np") as file:
        metadata = file.metadata()
        assert metadata["format"] == "pyseq"
        program: dict[str, Any] = json.loads(metadata["pyseq.program"])
        return program


def test_a_program_gives_the_bits_of_the_module_at_any_size(tmp_path: Path) -> None:
    tagger = Tagger()
    file = tmp_path / "tagger.safetensors"
    assert pyseq.export(tagger, file, {"tokens": TOKENS, "lengths": LENGTHS}) is None
    program = pyseq.Program.load(file)
    for batch, time in ((1, 1), (4, 9), (3, 33)):
        tokens = RANDOM.integers(0, 10, (batch, time))
        lengths = RANDOM.integers(1, time + 1, batch)
        expected = tagger(tokens, lengths).numpy()
        actual = program.run("forward", tokens=tokens, lengths=lengths)["output"]
        np.testing.assert_array_equal(actual, expected, strict=True)
        int32 = program.run("forward", tokens=tokens.astype(np.int32), lengths=lengths)["output"]
        np.testing.assert_array_equal(int32, expected)


def test_only_weights_in_use_are_written(tmp_path: Path) -> None:
    file = tmp_path / "tagger.safetensors"
    pyseq.export(Tagger(), file, {"tokens": TOKENS, "lengths": LENGTHS})
    names = {tensor["name"] for tensor in pyseq.Program.load(file).tensors}
    assert "lstm.weight_hh_l1_reverse" in names
    assert not any(name.startswith("unused") for name in names)
    program = description(file)
    assert [node["name"] for node in program["functions"][0]["nodes"]] == ["embedding", "lstm", "lstm", "output"]
    assert program["producer"] == f"pyseq {pyseq.__version__}"


class Tied(nn.Module):
    def __init__(self) -> None:
        self.embedding = nn.Embedding(40, 8)
        self.projection = nn.Linear(8, 40, bias=False)
        self.projection.weight = self.embedding.weight

    def forward(self, tokens: pyseq.Tensor) -> pyseq.Tensor:
        return self.projection(self.embedding(tokens))


@pytest.mark.parametrize("pack", [False, True])
def test_shared_weights_are_stored_once(pack: bool) -> None:
    model = Tied()
    program = pyseq.Program.parse(pyseq.export(model, None, {"tokens": TOKENS}, pack=pack))
    (tensor,) = program.tensors
    assert tensor["name"] == "embedding.weight"
    assert (tensor["panel_gates"] > 0) == pack
    np.testing.assert_array_equal(program.run("forward", tokens=TOKENS)["output"], model(TOKENS).numpy())


def test_packed_programs_give_the_same_bits() -> None:
    tagger, inputs = Tagger(), {"tokens": TOKENS, "lengths": LENGTHS}
    plain, packed = (pyseq.Program.parse(pyseq.export(tagger, None, inputs, pack=pack)) for pack in (False, True))
    gates = {tensor["name"]: tensor["panel_gates"] for tensor in packed.tensors}
    assert gates["output.weight"] == 1
    assert gates["lstm.weight_hh_l0"] == 4
    assert gates["output.bias"] == 0
    np.testing.assert_array_equal(plain.run("forward", **inputs)["output"], packed.run("forward", **inputs)["output"])


class ManyOutputs(nn.Module):
    def __init__(self, kind: str) -> None:
        self.lstm = nn.LSTM(3, 4)
        self.kind = kind

    def forward(self, x: pyseq.Tensor) -> Any:
        y, ((h, c),) = self.lstm(x)
        return {"mapping": {"y": y, "h": h}, "tuple": (y, (h, c)), "nothing": None}[self.kind]


@pytest.mark.parametrize(
    ("kind", "names"), [("mapping", ["h", "y"]), ("tuple", ["output_0", "output_1", "output_2"]), ("nothing", [])]
)
def test_names_of_outputs(kind: str, names: list[str]) -> None:
    x = floats(2, 5, 3)
    program = pyseq.Program.parse(pyseq.export(ManyOutputs(kind), None, {"x": x}))
    assert sorted(program.run("forward", x=x)) == names


def test_dims_name_what_varies() -> None:
    class Cross(nn.Module):
        def __init__(self) -> None:
            self.attention = nn.MultiHeadAttention(8, 2)

        def forward(self, query: Any, source: Any, source_lengths: Any) -> Any:
            return self.attention(query, source, source_lengths)

    model = Cross()
    data = pyseq.export(
        model,
        None,
        {
            "query": pyseq.Input(floats(2, 3, 8), dims=("batch", "queries", 8)),
            "source": pyseq.Input(floats(2, 5, 8), dims=("batch", "keys", 8)),
            "source_lengths": np.array([5, 2]),
        },
    )
    program = pyseq.Program.parse(data)
    assert program.functions[0]["inputs"][1]["dims"] == ["batch", "keys", "8"]
    inputs = {"query": floats(3, 4, 8), "source": floats(3, 9, 8), "source_lengths": np.array([9, 0, 4])}
    captured = program.run("forward", capture=["attention"], **inputs)
    np.testing.assert_array_equal(captured["output"], model(**inputs).numpy())
    assert captured["attention"].shape == (3, 2, 4, 9)
    np.testing.assert_allclose(captured["attention"].sum(-1)[[0, 2]], 1, atol=1e-6)
    with pytest.raises(pyseq.ShapeError):
        program.run("forward", **{**inputs, "source": floats(2, 9, 8)})


def small_transformer(**options: Any) -> Transformer:
    sizes = {"width": 8, "num_heads": 2, "encoder_layers": 2, "decoder_layers": 2, "feed_forward": 12}
    return Transformer(TransformerOptions(10, 11, **{**sizes, **options})).initialize(4)


MODELS = {
    "transformer": small_transformer,
    "pre_norm": lambda: small_transformer(pre_norm=True, encoder_norm=True, decoder_norm=True, position_start=1),
    "learned": lambda: small_transformer(source_positions=40, target_positions=40),
    "gru": lambda: RecurrentEncoderDecoder(10, 11, 6, 8),
    "lstm": lambda: RecurrentEncoderDecoder(10, 11, 6, 8, cell="lstm", num_layers=2),
}


@pytest.mark.parametrize("name", MODELS)
def test_searches_with_the_program_and_with_the_module_are_the_same(name: str) -> None:
    model = MODELS[name]()
    program = pyseq.Program.parse(pyseq.export(model, None, ENCODE_STEP))
    tokens, lengths = RANDOM.integers(0, 10, (3, 5)), np.array([5, 1, 3])
    state = program.new_state(3)
    program.run("encode", state=state, tokens=tokens, lengths=lengths)
    options: dict[str, Any] = {"start": 1, "end": 2, "beam_size": 3, "n_best": 3, "max_length": 8}
    compiled = decode.search(decode.program_step_model(program, state), 3, **options)
    eager_state = model.encode(pyseq.Tensor(tokens), pyseq.Tensor(lengths))
    eager = decode.search(decode.EagerStepModel(model, eager_state), 3, **options)
    assert compiled == eager
    assert len({tuple(h.ids) for hypotheses in eager for h in hypotheses}) >= 3

    targets = [hypotheses[0].ids for hypotheses in eager]
    again = decode.score(decode.program_step_model(program, state), targets, start=1, end=2)
    for scored, hypotheses in zip(again, eager, strict=True):
        if hypotheses[0].finished:
            assert scored.score == pytest.approx(hypotheses[0].score, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_steps_equal_teacher_forcing(name: str) -> None:
    model = MODELS[name]()
    targets = RANDOM.integers(0, 11, (2, 7))
    whole = model(TOKENS, LENGTHS, targets).numpy()
    state = model.encode(pyseq.Tensor(TOKENS), pyseq.Tensor(LENGTHS))
    chunks = [targets[:, :1], targets[:, 1:4], targets[:, 4:]]
    parts = [model.step(pyseq.Tensor(np.ascontiguousarray(chunk)), state).numpy() for chunk in chunks]
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=2e-5)


class Streaming(nn.Module):
    """Running context by attention over all frames so far, and a smoothed copy of the input."""

    def __init__(self) -> None:
        self.attention = nn.MultiHeadAttention(4, 2)
        self.rnn = nn.GRU(4, 4)

    def initial_state(self, rows: Any) -> pyseq.State:
        state = pyseq.State(rows)
        state.add_carry("hidden", (4,))
        state.add_cache("context", self.attention.num_heads, self.attention.head_dim)
        return state

    def process(self, x: pyseq.Tensor, state: pyseq.State) -> pyseq.Tensor:
        y, (state.carry["hidden"],) = self.rnn(x, state=[state.carry["hidden"]])
        return self.attention(y, cache=state.cache["context"])


def test_streaming_models_need_no_encode() -> None:
    model = Streaming()
    program = pyseq.Program.parse(pyseq.export(model, None, {"process": {"x": floats(2, 3, 4)}}))
    x = floats(2, 7, 4)
    eager, compiled, other = model.initial_state(2), program.new_state(2), program.new_state(2)
    for begin, end in ((0, 2), (2, 3), (3, 7)):
        part = np.ascontiguousarray(x[:, begin:end])
        expected = model.process(pyseq.Tensor(part), eager).numpy()
        np.testing.assert_array_equal(program.run("process", state=compiled, x=part)["output"], expected)
    first = program.run("process", state=other, x=np.ascontiguousarray(x[:, :1]))["output"]
    assert not np.array_equal(first, expected[:, :1])  # another state, another stream


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    pyseq.export(nn.ReLU(), file, {"x": floats(2, 3)})
    before = file.read_bytes()
    with pytest.raises(pyseq.TraceError):
        pyseq.export(Refuses(), file, {"x": floats(2, 3)})
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


class Refuses(nn.Module):
    def forward(self, x: pyseq.Tensor) -> Any:
        return ops.relu(x.numpy())


def test_mistakes_in_the_arguments() -> None:
    x = floats(2, 3)
    with pytest.raises(pyseq.ArgumentError, match="has no function 'encode'"):
        pyseq.export(nn.ReLU(), None, {"encode": {"x": x}})
    with pytest.raises(pyseq.ArgumentError, match=r"forward\.x has 2 axes, but dims \('batch',\)"):
        pyseq.export(nn.ReLU(), None, {"x": pyseq.Input(x, dims=("batch",))})
    with pytest.raises(pyseq.ArgumentError, match=r"forward\.x has size 3 along axis 1, but dims say 4"):
        pyseq.export(nn.ReLU(), None, {"x": pyseq.Input(x, dims=("batch", 4))})
    with pytest.raises(pyseq.ArgumentError, match="mixes arguments and functions"):
        pyseq.export(nn.ReLU(), None, {"x": x, "forward": {"x": x}})
    with pytest.raises(pyseq.ArgumentError, match=r"takes a state; define initial_state"):
        pyseq.export(MODELS["gru"](), None, {"step": {"tokens": TOKENS}})


def test_export_runs_in_evaluation_mode_and_restores_the_mode() -> None:
    seen: list[bool] = []

    class Watching(nn.Module):
        def forward(self, x: pyseq.Tensor) -> pyseq.Tensor:
            seen.append(self.training)
            return ops.relu(x)

    model = Watching()
    pyseq.export(model, None, {"x": floats(2, 3)})
    assert seen
    assert not any(seen)
    assert model.training


def test_a_part_of_a_model_exports_with_names_of_its_own() -> None:
    model = small_transformer()
    data = pyseq.export(model.encoder, None, {"tokens": TOKENS, "lengths": LENGTHS})
    program = pyseq.Program.parse(data)
    names = [node["name"] for node in program.functions[0]["nodes"]]
    assert "layers.0.self_attention" in names
    assert not any(name.startswith("encoder") for name in names)


def test_saving_a_program_again(tmp_path: Path) -> None:
    data = pyseq.export(nn.ReLU(), None, {"x": floats(2, 3)})
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    pyseq.Program.parse(data).save(one)
    pyseq.Program.load(one).save(two)
    assert one.read_bytes() == two.read_bytes() == data
    with pytest.raises(OSError, match="missing"):
        pyseq.Program.load(one).save(tmp_path / "missing" / "three.safetensors")
