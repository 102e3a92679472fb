"""Modules and layers against the float64 references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
import reference_attention
import reference_recurrent

import pyseq
from pyseq import nn

RANDOM = np.random.default_rng(3)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def weights_of(module: nn.Module, names: tuple[str, ...]) -> list[np.ndarray | None]:
    arrays = module.state_dict()
    return [arrays.get(name) for name in names]


def assert_close(actual: Any, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


class Pair(nn.Module):
    def __init__(self) -> None:
        self.first = nn.Linear(3, 4, activation="relu")
        self.second = nn.Linear(4, 2)
        self.scale = nn.Buffer(np.ones(2, np.float32))
        self.note = "not a part"

    def forward(self, x: pyseq.Tensor) -> pyseq.Tensor:
        return self.second(self.first(x)) * self.scale


def test_parts_are_named_by_attributes() -> None:
    model = Pair()
    assert list(model.state_dict()) == ["first.weight", "first.bias", "second.weight", "second.bias", "scale"]
    assert "scale" not in dict(model.named_parameters())
    assert [path for path, _ in model.named_modules()] == ["", "first", "second"]


def test_paths_follow_the_tree_however_it_is_built() -> None:
    layers = nn.ModuleList([Pair(), Pair()])
    outer = nn.Sequential(layers)
    assert layers[1].second.path == "0.1.second"
    assert outer.path == ""


def test_arrays_become_tensors_in_a_call() -> None:
    model, x = Pair(), floats(5, 3)
    hidden = reference.linear(x, *weights_of(model, ("first.weight", "first.bias")), activation="relu")
    expected = reference.linear(hidden, *weights_of(model, ("second.weight", "second.bias")))
    result = model(x)
    assert isinstance(result, pyseq.Tensor)
    assert_close(result, expected)


def test_errors_carry_the_path_of_the_module() -> None:
    with pytest.raises(pyseq.ShapeError, match=r"^first: "):
        Pair()(floats(5, 4))


def test_loading_copies_and_keeps_shared_parameters_shared() -> None:
    model = Pair()
    arrays = {name: floats(*array.shape) for name, array in model.state_dict().items()}
    model.load_state_dict(arrays)
    assert model.first.weight.data is not arrays["first.weight"]
    np.testing.assert_array_equal(model.first.weight.data, arrays["first.weight"])

    model.third = nn.Linear(3, 4)
    model.third.weight = model.first.weight
    arrays["third.bias"] = floats(4)  # third.weight is first.weight
    model.load_state_dict(arrays)
    assert model.third.weight is model.first.weight


def test_loading_reports_all_problems_and_changes_nothing() -> None:
    model = Pair()
    before = model.second.bias.data.copy()
    arrays = model.state_dict() | {"second.bias": floats(2), "first.bias": floats(7), "extra": floats(1)}
    arrays["scale"] = np.ones(2)  # float64
    del arrays["second.weight"]
    with pytest.raises(pyseq.ArgumentError) as caught:
        model.load_state_dict(arrays)
    message = str(caught.value)
    for part in ("missing: second.weight", "unexpected: extra", "first.bias: float32 [7], expected float32 [4]"):
        assert part in message
    assert "scale: float64 [2], expected float32 [2]" in message
    np.testing.assert_array_equal(model.second.bias.data, before)


def test_the_same_seed_gives_the_same_model() -> None:
    one, two = Pair().initialize(5), Pair().initialize(5)
    for name, array in one.state_dict().items():
        np.testing.assert_array_equal(array, two.state_dict()[name])
    assert not np.array_equal(one.initialize(6).first.weight.data, two.first.weight.data)
    assert np.abs(two.first.weight.data).max() <= 3**-0.5


def test_modes() -> None:
    model = Pair()
    assert model.second.training
    assert not model.eval().second.training
    assert model.train().first.training


def test_embedding_and_positions() -> None:
    ids = np.array([[1, 2], [0, 4]])
    embedding = nn.Embedding(5, 6, scale=2.0)
    assert_close(embedding(ids), reference.embedding(ids, embedding.weight.data, 2.0))
    x, offset = floats(2, 3, 6), np.array([0, 4])
    sinusoidal = nn.SinusoidalPositions(start=1, layout="split", inclusive=True)
    assert_close(
        sinusoidal(x, offset), reference.sinusoidal_positions(x, offset, start=1, layout="split", inclusive=True)
    )
    learned = nn.LearnedPositions(8, 6, start=1)
    assert_close(learned(x, offset), reference.learned_positions(x, learned.weight.data, offset, 1))


def test_layer_norm_and_activations() -> None:
    x = floats(4, 6)
    norm = nn.LayerNorm(6, epsilon=1e-3)
    norm.load_state_dict({"weight": floats(6), "bias": floats(6)})
    assert_close(norm(x), reference.layer_norm(x, norm.weight.data, norm.bias.data, 1e-3))
    for module, expected in (
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.Tanh(), np.tanh(x)),
        (nn.Sigmoid(), reference.sigmoid(x)),
        (nn.GELU("tanh"), reference.gelu(x, "tanh")),
    ):
        assert_close(module(x), expected)


CELLS = {"rnn": (nn.RNN, nn.RNNCell, 1), "gru": (nn.GRU, nn.GRUCell, 3), "lstm": (nn.LSTM, nn.LSTMCell, 4)}


def stacked_reference(
    kind: str, module: Any, x: np.ndarray, lengths: np.ndarray, state: list[Any] | None
) -> tuple[np.ndarray, list[Any]]:
    arrays, final = module.state_dict(), []
    for layer in range(module.num_layers):
        weights = {}
        for suffix in ("", "_reverse") if module.bidirectional else ("",):
            for ours, theirs in (
                ("w_ih", "weight_ih"),
                ("w_hh", "weight_hh"),
                ("b_ih", "bias_ih"),
                ("b_hh", "bias_hh"),
            ):
                weights[ours + suffix] = arrays[f"{theirs}_l{layer}{suffix}"]
        names = ("h0", "c0") if kind == "lstm" else ("h0",)
        first = [] if state is None else (state[layer] if kind == "lstm" else [state[layer]])
        x, *last = reference_recurrent.recurrent(
            kind, x, **weights, lengths=lengths, **dict(zip(names, first, strict=False))
        )
        final.append(last)
    return x, final


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
def test_recurrent_layers(kind: str, bidirectional: bool, with_state: bool) -> None:
    module = CELLS[kind][0](5, 8, num_layers=2, bidirectional=bidirectional)
    x, lengths = floats(3, 6, 5), np.array([6, 1, 4])
    width = 8 * (2 if bidirectional else 1)
    state: Any = None
    if with_state:
        state = [(floats(3, width), floats(3, width)) if kind == "lstm" else floats(3, width) for _ in range(2)]
    y, final = module(x, lengths, state)
    expected, last = stacked_reference(kind, module, x, lengths, state)
    assert_close(y, expected)
    for ours, theirs in zip(final, last, strict=True):
        for tensor, array in zip(ours if kind == "lstm" else [ours], theirs, strict=True):
            assert_close(tensor, array)


VARIANTS: list[tuple[str, str, dict[str, Any]]] = [  # op, class, options
    ("gru", "GRU", {"reset": "before"}),
    ("gru", "GRU", {"layer_norm": True, "epsilon": 0.01}),
    ("simple_gru", "GRU", {"reset": "none"}),
    ("lstm", "LSTM", {"proj_size": 5, "peephole": True}),
    ("lstm", "LSTM", {"layer_norm": True, "bias": False}),
    ("coupled_lstm", "LSTM", {"coupled": True, "layer_norm": True, "peephole": True}),
]
ARGUMENTS = {"weight_ih": "w_ih", "weight_hh": "w_hh", "weight_hr": "w_hr", "bias_ih": "b_ih", "bias_hh": "b_hh"}


def op_arguments(module: nn.Module) -> dict[str, np.ndarray]:
    """The weights of a cell or of a layer with one direction, under the names of the reference."""
    named = {name.removesuffix("_l0"): array for name, array in module.state_dict().items()}
    return {ARGUMENTS.get(name, name): array for name, array in named.items()}


def randomized(module: Any) -> Any:
    """With norms that do something."""
    arrays = module.state_dict()
    module.load_state_dict({n: floats(*a.shape) if n.startswith("norm") else a for n, a in arrays.items()})
    return module


@pytest.mark.parametrize(("kind", "name", "options"), VARIANTS)
def test_variants_of_recurrent_layers_and_cells(kind: str, name: str, options: dict[str, Any]) -> None:
    layer, cell = (
        randomized(getattr(nn, name)(5, 8, **options)),
        randomized(getattr(nn, f"{name}Cell")(5, 8, **options)),
    )
    passed_on = {key: value for key, value in options.items() if key == "epsilon" or value == "before"}
    x, h, c = floats(3, 6, 5), floats(3, options.get("proj_size", 8)), floats(3, 8)
    start = {"h0": h, "c0": c} if name == "LSTM" else {"h0": h}
    expected = reference_recurrent.recurrent(kind, x, **start, **op_arguments(layer), **passed_on)
    y, (last,) = layer(x, None, [(h, c) if name == "LSTM" else h])
    for ours, theirs in zip((y, *(last if name == "LSTM" else [last])), expected, strict=True):
        assert_close(ours, theirs)
    now = cell(x[:, 0].copy(), h, c) if name == "LSTM" else (cell(x[:, 0].copy(), h),)
    expected = reference_recurrent.recurrent(kind, x[:, :1], **start, **op_arguments(cell), **passed_on)
    for ours, theirs in zip(now, expected[1:], strict=True):
        assert_close(ours, theirs)


def test_gru_refuses_an_unknown_reset() -> None:
    with pytest.raises(ValueError, match="GRU: reset is 'never', expected one of after, before, none"):
        nn.GRU(4, 8, reset="never")


@pytest.mark.parametrize("kind", CELLS)
def test_cells(kind: str) -> None:
    cell = CELLS[kind][1](5, 8)
    x, h, c = floats(3, 5), floats(3, 8), floats(3, 8)
    state = (h, c) if kind == "lstm" else (h,)
    expected = reference_recurrent.recurrent_step(kind, x, *state, **op_arguments(cell))
    new = cell(x, *state)
    for ours, theirs in zip(new if kind == "lstm" else [new], expected, strict=True):
        assert_close(ours, theirs)


def test_recurrent_names_and_layouts_are_pytorch_s() -> None:
    shapes = {name: array.shape for name, array in nn.LSTM(4, 8, num_layers=2, bidirectional=True).state_dict().items()}
    assert shapes["weight_ih_l0"] == (32, 4)
    assert shapes["weight_hh_l0_reverse"] == (32, 8)
    assert shapes["weight_ih_l1"] == (32, 16)
    assert shapes["bias_hh_l1_reverse"] == (32,)
    assert list(nn.GRU(4, 8, bias=False).state_dict()) == ["weight_ih_l0", "weight_hh_l0"]


def attention_reference(module: nn.MultiHeadAttention, x: np.ndarray, source: np.ndarray, **options: Any) -> np.ndarray:
    arrays = module.state_dict()

    def project(name: str, values: np.ndarray) -> np.ndarray:
        return reference.linear(values, arrays[f"{name}.weight"], arrays[f"{name}.bias"])

    query, key, value = project("q_proj", x), project("k_proj", source), project("v_proj", source)
    y, _ = reference_attention.attention(query, key, value, num_heads=module.num_heads, **options)
    return project("out_proj", y)


def test_attention_to_itself_to_a_source_and_through_a_cache() -> None:
    attention = nn.MultiHeadAttention(12, num_heads=3)
    x, source, lengths, rows = floats(4, 5, 12), floats(2, 7, 12), np.array([7, 3]), np.array([0, 1, 1, 0])
    causal = attention_reference(attention, x, x, causal=True)
    assert_close(attention(x, causal=True), causal)
    assert_close(
        attention(x, source, lengths, rows), attention_reference(attention, x, source, lengths=lengths, rows=rows)
    )
    projected = attention.project(pyseq.Tensor(source))
    np.testing.assert_array_equal(
        attention(x, projected, lengths, rows).numpy(), attention(x, source, lengths, rows).numpy()
    )
    cache = pyseq.ops.kv_cache(3, 4, rows=4)
    steps = [attention(np.ascontiguousarray(x[:, t : t + 1]), cache=cache).numpy() for t in range(5)]
    np.testing.assert_allclose(np.concatenate(steps, 1), causal, atol=1e-5)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_transformer_layers(pre_norm: bool) -> None:
    layer = nn.TransformerDecoderLayer(12, 3, hidden=16, activation="gelu", pre_norm=pre_norm)
    x, source, lengths = floats(2, 5, 12), floats(2, 7, 12), np.array([7, 3])
    arrays = layer.state_dict()

    def norm(name: str, values: np.ndarray) -> np.ndarray:
        return reference.layer_norm(values, arrays[f"{name}_norm.weight"], arrays[f"{name}_norm.bias"])

    def around(name: str, values: np.ndarray, block: Any) -> np.ndarray:
        if pre_norm:
            return values + block(norm(name, values).astype(np.float32))
        return norm(name, values + block(values.astype(np.float32)))

    def feed_forward(values: np.ndarray) -> np.ndarray:
        inner = reference.linear(
            values, arrays["feed_forward.linear1.weight"], arrays["feed_forward.linear1.bias"], "gelu"
        )
        return reference.linear(inner, arrays["feed_forward.linear2.weight"], arrays["feed_forward.linear2.bias"])

    y = around("self_attention", x, lambda v: attention_reference(layer.self_attention, v, v, causal=True))
    y = around("cross_attention", y, lambda v: attention_reference(layer.cross_attention, v, source, lengths=lengths))
    y = around("feed_forward", y, feed_forward)
    assert_close(layer(x, source, lengths), y, 2e-5)


def test_containers() -> None:
    first, second = nn.Linear(3, 4), nn.Linear(4, 3)
    chain = nn.Sequential(first, nn.Tanh(), second)
    x = floats(2, 3)
    np.testing.assert_array_equal(chain(x).numpy(), second(pyseq.ops.tanh(first(x))).numpy())
    assert list(chain.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert list(chain)[2] is second
    assert chain[-1] is second
    with pytest.raises(IndexError):
        chain[3]
