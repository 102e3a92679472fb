"""Files of PyTorch's own layers, read without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn
from pyseq.hub.state_dict import load_state_dict

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install ".[parity]"')


def saved(module: Any, folder: Path, kind: str) -> Path:
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(module.state_dict(), folder / "model.safetensors")
        return folder / "model.safetensors"
    torch.save(module.state_dict(), folder / "model.pt")
    return folder / "model.pt"


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
@pytest.mark.parametrize("layer", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, True)])
def test_recurrent_layers(layer: str, layers: int, bidirectional: bool, kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = getattr(torch.nn, layer)(5, 7, layers, batch_first=True, bidirectional=bidirectional).eval()
    ours = getattr(nn, layer)(5, 7, num_layers=layers, bidirectional=bidirectional).eval()
    load_state_dict(ours, saved(theirs, tmp_path, kind))
    x = np.random.default_rng(0).standard_normal((3, 6, 5)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x))[0].numpy()
    np.testing.assert_allclose(ours(x)[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("pre_norm", [False, True])
def test_transformer_layers(pre_norm: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = {"dropout": 0.0, "batch_first": True, "norm_first": pre_norm}
    encoder = torch.nn.TransformerEncoderLayer(12, 3, 20, **options).eval()
    decoder = torch.nn.TransformerDecoderLayer(12, 3, 20, **options).eval()
    with torch.no_grad():
        for parameter in [*encoder.parameters(), *decoder.parameters()]:
            parameter.add_(0.1 * torch.randn(parameter.shape))
    ours = nn.TransformerEncoderLayer(12, 3, 20, pre_norm=pre_norm).eval()
    load_state_dict(ours, saved(encoder, tmp_path, "pt"))
    x = np.random.default_rng(0).standard_normal((2, 6, 12)).astype(np.float32)
    source = np.random.default_rng(1).standard_normal((2, 4, 12)).astype(np.float32)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(6)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(x)).numpy()
        decoded = decoder(torch.from_numpy(x), torch.from_numpy(source), tgt_mask=mask).numpy()
    np.testing.assert_allclose(ours(x).numpy(), expected, atol=1e-5)
    our_decoder = nn.TransformerDecoderLayer(12, 3, 20, pre_norm=pre_norm).eval()
    load_state_dict(our_decoder, saved(decoder, tmp_path, "safetensors"))
    np.testing.assert_allclose(our_decoder(x, source).numpy(), decoded, atol=1e-5)


def test_a_stack_inside_of_a_model(tmp_path: Path) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 12) for _ in range(2))

    stack = torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8, 2, 12), 2, enable_nested_tensor=False)
    model = Model()
    load_state_dict(model, saved(stack, tmp_path, "pt"))
    weight = stack.state_dict()["layers.1.self_attn.in_proj_weight"].numpy()
    assert np.array_equal(model.layers[1].self_attention.k_proj.weight.data, weight[8:16])


def test_misfits_are_listed(tmp_path: Path) -> None:
    with pytest.raises(pyseq.ArgumentError, match="unfit: weight_ih_l0"):
        load_state_dict(nn.GRU(6, 7), saved(torch.nn.GRU(5, 7), tmp_path, "pt"))
