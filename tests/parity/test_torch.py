"""Layers against PyTorch's: its state_dict loads unchanged, and the outputs agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import Parameter, Tape, nn, ops

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install ".[parity]"')

BATCH, TIME, WIDTH, HIDDEN = 3, 7, 10, 24


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def arrays(module: Any) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def normal(*shape: int) -> Any:
    return torch.randn(*shape)


def assert_close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (nn.Linear(WIDTH, 33), torch.nn.Linear(WIDTH, 33)),
        (nn.Linear(WIDTH, 33, bias=False), torch.nn.Linear(WIDTH, 33, bias=False)),
        (nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)),
    ],
    ids=["linear", "linear without bias", "layer norm"],
)
def test_dense_layers(ours: nn.Module, theirs: Any) -> None:
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    ours.load_state_dict(arrays(theirs))
    x = normal(BATCH, TIME, WIDTH)
    assert_close(ours(x.numpy()), theirs(x))


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize(("kind", "sizes"), [("BatchNorm1d", (9, TIME)), ("BatchNorm2d", (4, 5, 6))])
def test_batch_norm_in_training_and_in_evaluation(kind: str, sizes: tuple[int, ...], momentum: float | None) -> None:
    ours, theirs = getattr(nn, kind)(WIDTH, momentum=momentum), getattr(torch.nn, kind)(WIDTH, momentum=momentum)
    torch.nn.init.normal_(theirs.weight)
    torch.nn.init.normal_(theirs.bias)
    ours.load_state_dict(arrays(theirs))
    for _ in range(3):
        x = normal(*sizes, WIDTH) * 2 + 1
        assert_close(ours(x.numpy()), theirs(x.movedim(-1, 1)).movedim(1, -1))
    for name, array in arrays(theirs).items():
        np.testing.assert_allclose(ours.state_dict()[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert_close(ours.eval()(x.numpy()), theirs.eval()(x.movedim(-1, 1)).movedim(1, -1))


def test_rms_norm() -> None:
    ours, theirs = nn.RMSNorm(WIDTH, epsilon=1e-5), torch.nn.RMSNorm(WIDTH, eps=1e-5)
    torch.nn.init.normal_(theirs.weight)
    ours.load_state_dict(arrays(theirs))
    x = normal(BATCH, TIME, WIDTH)
    assert_close(ours(x.numpy()), theirs(x))


def test_embedding() -> None:
    ours, theirs = nn.Embedding(17, WIDTH), torch.nn.Embedding(17, WIDTH)
    ours.load_state_dict(arrays(theirs))
    ids = torch.randint(0, 17, (BATCH, TIME))
    assert_close(ours(ids.numpy()), theirs(ids))


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("RNN", {}), ("GRU", {}), ("LSTM", {}), ("LSTM", {"proj_size": 9}), ("GRU", {"bias": False})],
)
def test_recurrent_layers_with_ragged_batches_and_initial_states(
    kind: str, options: dict[str, Any], bidirectional: bool
) -> None:
    options = {"num_layers": 2, "bidirectional": bidirectional, **options}
    ours = getattr(nn, kind)(WIDTH, HIDDEN, **options)
    theirs = getattr(torch.nn, kind)(WIDTH, HIDDEN, **options, batch_first=True)
    ours.load_state_dict(arrays(theirs))
    directions = 2 if bidirectional else 1
    x, lengths = normal(BATCH, TIME, WIDTH), torch.tensor([7, 4, 1])
    sizes = [options.get("proj_size", HIDDEN), HIDDEN][: 2 if kind == "LSTM" else 1]
    states = [normal(2 * directions, BATCH, size) for size in sizes]

    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    their_y, their_state = theirs(packed, tuple(states) if kind == "LSTM" else states[0])
    their_y, _ = torch.nn.utils.rnn.pad_packed_sequence(their_y, batch_first=True)

    per_layer = [tuple(per_direction_last(state, layer, directions) for state in states) for layer in range(2)]
    ours_state = per_layer if kind == "LSTM" else [layer[0] for layer in per_layer]
    y, final = ours(x.numpy(), lengths.numpy(), ours_state)
    assert_close(y, their_y)
    for layer in range(2):
        pairs = zip(final[layer], their_state, strict=True) if kind == "LSTM" else [(final[layer], their_state)]
        for mine, expected in pairs:
            np.testing.assert_allclose(
                mine.numpy(), per_direction_last(expected.detach(), layer, directions), rtol=1e-5, atol=2e-6
            )


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {"nonlinearity": "relu"}),
        ("GRU", {}),
        ("LSTM", {}),
        ("LSTM", {"proj_size": 9}),
        ("GRU", {"bias": False}),
    ],
)
def test_gradients_of_recurrent_layers_with_ragged_batches(
    kind: str, options: dict[str, Any], bidirectional: bool
) -> None:
    options = {"num_layers": 2, "bidirectional": bidirectional, **options}
    ours = getattr(nn, kind)(WIDTH, HIDDEN, **options)
    theirs = getattr(torch.nn, kind)(WIDTH, HIDDEN, **options, batch_first=True)
    ours.load_state_dict(arrays(theirs))
    values, lengths = normal(BATCH, TIME, WIDTH), torch.tensor([7, 4, 1])
    x, their_x = Parameter(values.numpy()), values.clone().requires_grad_()

    with Tape() as tape:
        y, _ = ours(x, lengths.numpy())
    gradient = normal(*y.shape)
    tape.backward(y, gradient.numpy())
    packed = torch.nn.utils.rnn.pack_padded_sequence(their_x, lengths, batch_first=True)
    their_y, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    their_y.backward(gradient)

    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()} | {"x": their_x.grad}
    found = {name: parameter.grad for name, parameter in ours.named_parameters()} | {"x": x.grad}
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        assert found[name] is not None, name
        np.testing.assert_allclose(found[name], wanted.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


def per_direction_last(state: Any, layer: int, directions: int) -> Any:
    """PyTorch's [layers * directions, batch, hidden] -> ours of one layer, [batch, directions * hidden]."""
    parts = [state[layer * directions + direction].numpy() for direction in range(directions)]
    return np.ascontiguousarray(np.concatenate(parts, axis=-1))


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention(causal: bool) -> None:
    ours, theirs = nn.MultiHeadAttention(12, 3), torch.nn.MultiheadAttention(12, 3, batch_first=True)
    torch.nn.init.normal_(theirs.in_proj_bias)
    ours.load_state_dict(split_projections(arrays(theirs)))
    x = normal(BATCH, TIME, 12)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(TIME) if causal else None
    expected, _ = theirs(x, x, x, attn_mask=mask, need_weights=False, is_causal=causal)
    assert_close(ours(x.numpy(), causal=causal), expected)


def split_projections(theirs: dict[str, Any]) -> dict[str, Any]:
    """PyTorch stacks the q, k and v projections."""
    ours = {name: value for name, value in theirs.items() if name.startswith("out_proj")}
    for kind in ("weight", "bias"):
        for name, part in zip("qkv", np.split(theirs[f"in_proj_{kind}"], 3), strict=True):
            ours[f"{name}_proj.{kind}"] = np.ascontiguousarray(part)
    return ours


@pytest.mark.parametrize("pre_norm", [False, True])
def test_transformer_encoder_layer_ignores_padding(pre_norm: bool) -> None:
    ours = nn.TransformerEncoderLayer(12, 3, hidden=20, activation="gelu", pre_norm=pre_norm)
    theirs = torch.nn.TransformerEncoderLayer(
        12, 3, 20, dropout=0.0, activation="gelu", batch_first=True, norm_first=pre_norm
    ).eval()
    names = {
        "self_attn.": "self_attention.",
        "linear1.": "feed_forward.linear1.",
        "linear2.": "feed_forward.linear2.",
        "norm1.": "self_attention_norm.",
        "norm2.": "feed_forward_norm.",
    }
    theirs_arrays = arrays(theirs)
    attention = split_projections({k[10:]: v for k, v in theirs_arrays.items() if k.startswith("self_attn.")})
    renamed = {f"self_attention.{name}": value for name, value in attention.items()}
    for old, new in list(names.items())[1:]:
        renamed |= {new + k[len(old) :]: v for k, v in theirs_arrays.items() if k.startswith(old)}
    ours.load_state_dict(renamed)
    x, lengths = normal(BATCH, TIME, 12), np.array([7, 4, 1])
    padding = torch.arange(TIME)[None] >= torch.tensor(lengths)[:, None]
    expected = theirs(x, src_key_padding_mask=padding)
    y = ours(x.numpy(), lengths)
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(
            y.numpy()[row, :length], expected[row, :length].detach().numpy(), rtol=1e-5, atol=2e-6
        )


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_loss_and_its_gradient(zero_infinity: bool) -> None:
    lengths, target_lengths = torch.tensor([40, 33, 7]), torch.tensor([12, 5, 9])
    logits, targets = normal(BATCH, 40, WIDTH).requires_grad_(), torch.randint(1, WIDTH, (BATCH, 12))
    targets[2, :9] = 1  # nine times the same label do not fit into seven frames
    theirs = torch.nn.functional.ctc_loss(
        torch.log_softmax(logits.double(), -1).transpose(0, 1),
        targets,
        lengths,
        target_lengths,
        reduction="none",
        zero_infinity=zero_infinity,
    )
    theirs.sum().backward()
    loss, gradient = ops.ctc_loss(
        logits.detach().numpy(),
        targets.numpy(),
        lengths.numpy(),
        target_lengths.numpy(),
        zero_infinity=zero_infinity,
        return_gradient=True,
    )
    np.testing.assert_allclose(loss, theirs.detach().numpy(), rtol=2e-6)
    np.testing.assert_allclose(gradient, logits.grad.numpy(), atol=2e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": 5, "stride": 2, "padding": 3},
        {"kernel_size": 3, "dilation": 3, "groups": 2, "bias": False},
        {"kernel_size": 4, "groups": WIDTH, "padding": 2},
    ],
)
def test_conv1d(options: dict[str, Any]) -> None:
    out = WIDTH if options.get("groups") == WIDTH else 36
    ours, theirs = nn.Conv1d(WIDTH, out, **options), torch.nn.Conv1d(WIDTH, out, **options)
    ours.load_state_dict(arrays(theirs))
    x = normal(BATCH, 40, WIDTH)
    assert_close(ours(x.numpy()), theirs(x.transpose(1, 2)).transpose(1, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": (2, 5), "stride": (2, 1), "padding": (1, 2)},
        {"kernel_size": 3, "dilation": (1, 2), "groups": 5},
        {"kernel_size": 3, "groups": WIDTH, "padding": 1, "bias": False},
    ],
)
def test_conv2d(options: dict[str, Any]) -> None:
    out = WIDTH if options.get("groups") == WIDTH else 35
    ours, theirs = nn.Conv2d(WIDTH, out, **options), torch.nn.Conv2d(WIDTH, out, **options)
    ours.load_state_dict(arrays(theirs))
    x = normal(BATCH, 9, 12, WIDTH)
    assert_close(ours(x.numpy()), theirs(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


@pytest.mark.parametrize("options", [{}, {"stride": 1, "padding": 1}])
def test_pools(options: dict[str, Any]) -> None:
    line, plane = normal(BATCH, 11, WIDTH), normal(BATCH, 9, 12, WIDTH)
    for ours, theirs in ((nn.MaxPool1d, torch.nn.MaxPool1d), (nn.MeanPool1d, torch.nn.AvgPool1d)):
        counted = {"count_padding": True} if ours is nn.MeanPool1d else {}
        assert_close(ours(3, **options, **counted)(line.numpy()), theirs(3, **options)(line.mT).mT)
    for ours, theirs in ((nn.MaxPool2d, torch.nn.MaxPool2d), (nn.MeanPool2d, torch.nn.AvgPool2d)):
        counted = {"count_padding": True} if ours is nn.MeanPool2d else {}
        expected = theirs(3, **options)(plane.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        assert_close(ours(3, **options, **counted)(plane.numpy()), expected)


def gradients(function: Any, *inputs: Any) -> list[Any]:
    """Gradients of Σ y cos(i), which gives every output a weight of its own."""
    leaves = [pyseq.Parameter(x.detach().numpy()) for x in inputs]
    with pyseq.Tape() as tape:
        y = function(*leaves)
    tape.backward(y, np.cos(np.arange(y.data.size, dtype=np.float32)).reshape(y.data.shape))
    return [leaf.grad for leaf in leaves]


def their_gradients(function: Any, *inputs: Any) -> list[Any]:
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    y = function(*leaves)
    y.backward(torch.cos(torch.arange(y.numel(), dtype=torch.float32)).reshape(y.shape))
    return [leaf.grad.numpy() for leaf in leaves]


def assert_same_gradients(ours: list[Any], theirs: list[Any]) -> None:
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_gradients_of_attention(causal: bool, kv_heads: int) -> None:
    heads, d, time = 4, 16, 150
    query, key, value = normal(2, time, heads * d), normal(2, time, kv_heads * d), normal(2, time, kv_heads * d)
    bias = normal(heads, time, time)
    mask = torch.zeros(time, time)
    if causal:
        mask = mask.masked_fill(torch.ones(time, time).triu(1).bool(), float("-inf"))

    def theirs(query: Any, key: Any, value: Any, bias: Any) -> Any:
        q, k, v = (x.reshape(2, time, -1, d).transpose(1, 2) for x in (query, key, value))
        k, v = (x.repeat_interleave(heads // kv_heads, 1) for x in (k, v))
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, bias + mask)
        return y.transpose(1, 2).reshape(2, time, heads * d)

    def ours(query: Any, key: Any, value: Any, bias: Any) -> Any:
        return ops.attention(query, key, value, bias=bias, num_heads=heads, num_kv_heads=kv_heads, causal=causal)

    inputs = (query, key, value, bias)
    assert_same_gradients(gradients(ours, *inputs), their_gradients(theirs, *inputs))


@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (2, 1, 1), (1, 2, 4), (3, 1, 12)])
def test_gradients_of_conv1d(stride: int, dilation: int, groups: int) -> None:
    x, weight, bias = (
        normal(2, 40, 12),
        normal(24 if groups < 12 else 12, 12 // groups, 3),
        normal(24)[: 24 if groups < 12 else 12],
    )
    options: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": groups}
    assert_same_gradients(
        gradients(lambda x, w, b: ops.conv1d(x, w, b, padding=[1, 1], activation="gelu", **options), x, weight, bias),
        their_gradients(
            lambda x, w, b: torch.nn.functional.gelu(
                torch.nn.functional.conv1d(x.transpose(1, 2), w, b, padding=1, **options)
            ).transpose(1, 2),
            x,
            weight,
            bias,
        ),
    )


def test_gradients_of_conv2d_and_pooling() -> None:
    x, weight, bias = normal(2, 9, 8, 6), normal(10, 6, 3, 3), normal(10)

    def ours(x: Any, weight: Any, bias: Any) -> Any:
        y = ops.conv2d(x, weight, bias, stride=[2, 1], padding=[1, 1, 1, 1])
        return ops.mean_pool2d(ops.max_pool2d(y, kernel=[2, 2]), kernel=[2, 2], stride=[1, 1])

    def theirs(x: Any, weight: Any, bias: Any) -> Any:
        y = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), weight, bias, stride=(2, 1), padding=1)
        return torch.nn.functional.avg_pool2d(torch.nn.functional.max_pool2d(y, 2), 2, 1).permute(0, 2, 3, 1)

    assert_same_gradients(gradients(ours, x, weight, bias), their_gradients(theirs, x, weight, bias))


@pytest.mark.parametrize("kind", ["layer_norm", "rms_norm"])
def test_gradients_of_norms(kind: str) -> None:
    x, weight, bias = normal(BATCH, 90, 33), normal(33), normal(33)
    inputs = (x, weight, bias) if kind == "layer_norm" else (x, weight)
    theirs = getattr(torch.nn.functional, kind)
    epsilon = {"layer_norm": 1e-5, "rms_norm": 1e-6}[kind]
    assert_same_gradients(
        gradients(getattr(ops, kind), *inputs),
        their_gradients(lambda x, *rest: theirs(x, (33,), *rest, eps=epsilon), *inputs),
    )


@pytest.mark.filterwarnings("ignore:reduction. .mean. divides")  # of KLDivLoss, which will change its mean
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction: str) -> None:
    logits, targets, weight = normal(6, 5), torch.tensor([1, 0, -100, 4, 2, 2]), torch.rand(5)
    ours: Any = nn.CrossEntropyLoss(weight.numpy(), reduction=reduction, label_smoothing=0.2)
    theirs: Any = torch.nn.CrossEntropyLoss(weight, reduction=reduction, label_smoothing=0.2)
    assert_close(ours(logits.numpy(), targets.numpy()), theirs(logits, targets))
    probabilities = torch.rand(6, 5)
    ours, theirs = (
        nn.BCEWithLogitsLoss(weight.numpy(), reduction),
        torch.nn.BCEWithLogitsLoss(pos_weight=weight, reduction=reduction),
    )
    assert_close(ours(logits.numpy(), probabilities.numpy()), theirs(logits, probabilities))
    ours, theirs = nn.MSELoss(reduction), torch.nn.MSELoss(reduction=reduction)
    assert_close(ours(logits.numpy(), probabilities.numpy()), theirs(logits, probabilities))
    ours, theirs = nn.KLDivLoss(reduction), torch.nn.KLDivLoss(reduction=reduction)
    assert_close(ours(logits.numpy(), probabilities.numpy()), theirs(logits, probabilities))
