"""Hugging Face folders without its library: what is accepted, what is refused, and the tasks' objects."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

import pyseq
from pyseq.cli.app import app
from pyseq.hub.safetensors_file import read_safetensors
from pyseq.hub.torch_file import read_torch_file

pytest.importorskip("tokenizers", reason='tokenizers is not installed: pip install ".[hub]"')

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "##a", "##b", "x y"]
CONFIG = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 13,
    "hidden_size": 6,
    "num_hidden_layers": 1,
    "num_attention_heads": 3,
    "intermediate_size": 10,
    "hidden_act": "gelu",
    "max_position_embeddings": 12,
    "type_vocab_size": 2,
}
LAYER = {
    "attention.self.query": (6, 6),
    "attention.self.key": (6, 6),
    "attention.self.value": (6, 6),
    "attention.output.dense": (6, 6),
    "attention.output.LayerNorm": (6,),
    "intermediate.dense": (10, 6),
    "output.dense": (6, 10),
    "output.LayerNorm": (6,),
}


def tensors(prefix: str = "", **more: tuple[int, ...]) -> dict[str, Any]:
    """A checkpoint of CONFIG with random weights."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (13, 6),
        "embeddings.position_embeddings.weight": (12, 6),
        "embeddings.token_type_embeddings.weight": (2, 6),
        "embeddings.LayerNorm.weight": (6,),
        "embeddings.LayerNorm.bias": (6,),
    }
    for name, shape in LAYER.items():
        shapes[f"encoder.layer.0.{name}.weight"] = shape
        shapes[f"encoder.layer.0.{name}.bias"] = shape[:1]
    random = np.random.default_rng(0)
    named = {prefix + name: shape for name, shape in shapes.items()}
    named.update({name.replace("__", "."): shape for name, shape in more.items()})
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in named.items()}


def folder(path: Path, arrays: dict[str, Any] | None = None, **config: Any) -> Path:
    """A folder with a checkpoint and vocab.txt."""
    (path / "config.json").write_text(json.dumps({**CONFIG, **config}))
    save_file(tensors() if arrays is None else arrays, path / "model.safetensors")
    (path / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    return path


def test_an_encoder(tmp_path: Path) -> None:
    encoder = pyseq.load(folder(tmp_path))
    assert encoder.tokenizer.encode("A ba?") == [2, 5, 6, 8, 1, 3]
    vectors = encoder.embed(["a", "ab bc", ""])
    assert vectors.shape == (3, 6)
    assert np.array_equal(encoder.embed("ab bc"), vectors[1])
    hidden = encoder.encode(["ab bc"])[0]
    np.testing.assert_allclose(hidden.mean(0), vectors[1], atol=1e-6)
    assert len(encoder.tokenizer.encode("a " * 50)) == 12


def test_sentence_transformers_settings(tmp_path: Path) -> None:
    folder(tmp_path)
    kinds = ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 5}))
    encoder = pyseq.load(tmp_path)
    first = encoder.encode(["ab bc"])[0][0]
    np.testing.assert_allclose(encoder.embed("ab bc"), first / np.linalg.norm(first), atol=1e-6)
    assert len(encoder.tokenizer.encode("a " * 50)) == 5
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
    with pytest.raises(pyseq.UnsupportedError, match="pooling"):
        pyseq.load(tmp_path)


def test_every_misfit_is_listed(tmp_path: Path) -> None:
    arrays = tensors()
    del arrays["encoder.layer.0.output.dense.bias"]
    arrays["embeddings.LayerNorm.weight"] = np.ones(7, np.float32)
    arrays["surprise"] = np.ones(1, np.float32)
    with pytest.raises(pyseq.FormatError) as caught:
        pyseq.load(folder(tmp_path, arrays))
    message = str(caught.value)
    assert "missing: bert.encoder.layer.0.output.dense.bias" in message
    assert "unexpected: surprise" in message
    assert "of another shape: bert.embeddings.LayerNorm.weight [7], expected [6]" in message


def test_prefixes_and_old_names_and_a_pooler_are_fine(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    expected = pyseq.load(folder(tmp_path / "a")).embed("abc")
    arrays = tensors("bert.") | {"bert.pooler.dense.weight": np.ones((6, 6), np.float32)}
    arrays["bert.embeddings.LayerNorm.gamma"] = arrays.pop("bert.embeddings.LayerNorm.weight")
    assert np.array_equal(pyseq.load(folder(tmp_path / "b", arrays)).embed("abc"), expected)


def test_labels_and_tags(tmp_path: Path) -> None:
    names = {"0": "O", "1": "B-X", "2": "I-X"}
    head = {"classifier__weight": (3, 6), "classifier__bias": (3,)}
    arrays = tensors("bert.", **head)
    tagger = pyseq.load(folder(tmp_path, arrays, architectures=["BertForTokenClassification"], id2label=names))
    text = "ab c"
    tags = tagger.tag(text)
    assert [(tag.begin, tag.end) for tag in tags] == [(0, 1), (1, 2), (3, 4)]
    assert all(tag.label in names.values() and 0 < tag.probability <= 1 for tag in tags)
    assert all(text[span.begin : span.end] == span.text for span in tagger.spans(text))


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("hidden_size", 7, "width 7 and 3 heads"),
        ("hidden_size", "six", "hidden_size is 'six'"),
        ("hidden_act", "quick_gelu", "hidden_act is 'quick_gelu'"),
        ("num_hidden_layers", 0, "num_hidden_layers is 0"),
        ("vocab_size", None, "vocab_size is missing"),
        ("vocab_size", 5, "has the id 10, but the model has 5 tokens"),
        ("position_embedding_type", "relative_key", "position_embedding_type is 'relative_key'"),
        ("architectures", ["BertForQuestionAnswering"], "architectures is 'BertForQuestionAnswering'"),
        ("model_type", "mamba", "a model of type 'mamba', expected one of bert, roberta"),
    ],
)
def test_configurations_that_are_refused(key: str, value: Any, problem: str, tmp_path: Path) -> None:
    arrays = tensors()
    if key == "vocab_size" and value:
        arrays["embeddings.word_embeddings.weight"] = np.zeros((value, 6), np.float32)
    with pytest.raises(pyseq.Error, match=problem):
        pyseq.load(folder(tmp_path, arrays, **{key: value}))


def test_a_name_of_a_hub_tells_where_files_go(tmp_path: Path) -> None:
    with pytest.raises(pyseq.ArgumentError, match=r"does not download.*config\.json, model\.safetensors"):
        pyseq.load("sentence-transformers/no-such-model")


def test_no_tokenizer(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(pyseq.FormatError, match=r"no tokenizer, expected one of source\.spm"):
        pyseq.load(tmp_path)


def test_convert_and_run(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    folder(tmp_path / "model")
    expected = pyseq.load(tmp_path / "model").embed("abc")
    for dtype in ("float32", "int8"):
        file = tmp_path / f"{dtype}.safetensors"
        result = CliRunner().invoke(app, ["convert", str(tmp_path / "model"), "-o", str(file), "--dtype", dtype])
        assert result.exit_code == 0, result.output
        found = pyseq.load(file).embed("abc")
        if dtype == "float32":
            assert np.array_equal(found, expected)
    result = CliRunner().invoke(app, ["run", str(tmp_path / "float32.safetensors"), "abc"])
    np.testing.assert_allclose(json.loads(result.stdout), expected, atol=1e-5)


# ---- hostile files


def torch_zip(file: Path, content: bytes, **storages: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", content)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key.removeprefix('s')}", data)
    return file


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize("hostile", [Call(eval, "1 + 1"), Call(getattr, "", "join"), Call(np.ones, 3)])
def test_pickles_that_ask_for_functions(hostile: Any, tmp_path: Path) -> None:
    with pytest.raises(pyseq.FormatError, match="the pickle asks for"):
        read_torch_file(torch_zip(tmp_path / "a.bin", pickle.dumps({"a": hostile})))


def test_pickles_of_other_things(tmp_path: Path) -> None:
    for content, problem in (
        (pickle.dumps([1]), "holds a list"),
        (pickle.dumps(OrderedDict(a=3)), "a: expected tensors"),
        (b"garbage", "damaged"),
        (pickle.dumps({"a": 1})[:-3], "damaged"),
    ):
        with pytest.raises(pyseq.FormatError, match=problem):
            read_torch_file(torch_zip(tmp_path / "a.bin", content))
    (tmp_path / "b.bin").write_bytes(b"not a zip")
    with pytest.raises(pyseq.FormatError, match="not a zip archive"):
        read_torch_file(tmp_path / "b.bin")


def tensor_pickle(offset: int, shape: tuple[int, ...], strides: tuple[int, ...], count: int = 4) -> bytes:
    """The opcodes of a state_dict with one tensor "a" over storage 0, as PyTorch writes them."""
    integers = b"".join(pickle.dumps(value, 2)[2:-1] for value in (shape, strides))
    return b"".join(
        [
            b"\x80\x02}X\x01\x00\x00\x00a",
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n",
            b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + pickle.dumps(count, 2)[2:-1] + b"tQ",
            pickle.dumps(offset, 2)[2:-1] + integers,
            b"\x89}tRs.",
        ]
    )


def test_a_tensor_and_tensors_beyond_their_storage(tmp_path: Path) -> None:
    data = np.arange(4, dtype=np.float32).tobytes()
    good = read_torch_file(torch_zip(tmp_path / "a.bin", tensor_pickle(1, (3,), (1,)), s0=data))
    assert good["a"].tolist() == [1, 2, 3]
    for offset, shape, strides in ((2, (3,), (1,)), (0, (2, 2), (3, 2)), (-1, (1,), (1,)), (0, (2,), (-1,))):
        with pytest.raises(pyseq.FormatError, match="lies beyond its storage"):
            read_torch_file(torch_zip(tmp_path / "a.bin", tensor_pickle(offset, shape, strides), s0=data))
    with pytest.raises(pyseq.FormatError, match="storage 0 has 16 bytes, expected 20"):
        read_torch_file(torch_zip(tmp_path / "a.bin", tensor_pickle(0, (1,), (1,), count=5), s0=data))


def safetensors(file: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return file


def entry(begin: int, end: int, shape: list[Any], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_hostile_safetensors(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    assert read_safetensors(safetensors(file, {"a": entry(0, 8, [2])}, bytes(8)))["a"].tolist() == [0, 0]
    for header, problem in (
        (b"{", "not JSON"),
        ([], "not a JSON object"),
        ({"a": 3}, "damaged entry"),
        ({"a": entry(0, 8, [True])}, "damaged entry"),
        ({"a": entry(0, 8, [3])}, "takes 12 bytes"),
        ({"a": entry(0, 80, [20])}, "stands at 0 to 80"),
        ({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}, "overlap"),
        ({"a": entry(0, 8, [2**62, 4])}, "takes"),
    ):
        with pytest.raises(pyseq.FormatError, match=problem):
            read_safetensors(safetensors(file, header, bytes(8)))
    with pytest.raises(pyseq.UnsupportedError, match="F8_E4M3"):
        read_safetensors(safetensors(file, {"a": entry(0, 8, [8], "F8_E4M3")}, bytes(8)))
    file.write_bytes((2**60).to_bytes(8, "little"))
    with pytest.raises(pyseq.FormatError, match="a header of"):
        read_safetensors(file)


def test_shards_stay_beside_the_index(tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../outside.safetensors"}}))
    with pytest.raises(pyseq.FormatError, match="not beside the index"):
        pyseq.load(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    with pytest.raises(pyseq.FormatError, match=r"gone\.safetensors is missing"):
        pyseq.load(tmp_path)
