"""CTranslate2 folders: a real model against its goldens, tiny ones against a slow restatement, hostile ones."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import skip_or_fail
from model_folders import (
    LAYERS,
    SOURCE_TOKENS,
    TARGET_TOKENS,
    WIDTH,
    SlowTransformer,
    loading_problem,
    model_bytes,
    transformer_variables,
    write_folder,
)

import pyseq

TEXTS = ["abc", "hgfedcba", "a", "cab", "deadbeef"]
MAX_LENGTH = 12


def assert_same_translations(folder: Path, slow: SlowTransformer, tolerance: float = 1e-4) -> None:
    translations = pyseq.load(folder).translate_batch(TEXTS, max_length=MAX_LENGTH)
    assert len({round(hypotheses[0].score, 3) for hypotheses in translations}) > 3
    for text, (hypothesis,) in zip(TEXTS, translations, strict=True):
        ids, score = slow.greedy([SOURCE_TOKENS.index(c) for c in text], MAX_LENGTH)
        assert hypothesis.ids == ids
        assert hypothesis.score == pytest.approx(score, abs=tolerance)


@pytest.mark.parametrize("version", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_folder_translates_like_its_slow_restatement(tmp_path: Path, version: int, as_json: bool) -> None:
    variables = transformer_variables()
    folder = write_folder(tmp_path / "model", model_bytes(variables, version), as_json=as_json)
    assert_same_translations(folder, SlowTransformer(variables))


def test_post_norm_gelu_and_learned_positions(tmp_path: Path) -> None:
    variables = transformer_variables(seed=1)
    for side in ("encoder", "decoder"):
        for part in ("gamma", "beta"):
            del variables[f"{side}/layer_norm/{part}"]
        variables[f"{side}/pre_norm"] = np.array(0, np.int8)
        variables[f"{side}/activation"] = np.array(3, np.int8)
        encodings = np.random.default_rng(9).standard_normal((30, WIDTH)).astype(np.float32)
        variables[f"{side}/position_encodings/encodings"] = encodings
    folder = write_folder(tmp_path / "model", model_bytes(variables))
    assert_same_translations(folder, SlowTransformer(variables, pre_norm=False, activation="gelu"))
    assert pyseq.load(folder).program.task["max_length"] == 30


@pytest.mark.parametrize(("value", "scale"), [(np.int8(0), 1.0), (np.int8(1), WIDTH**0.5), (np.float32(2.5), 2.5)])
def test_embedding_scales(tmp_path: Path, value: Any, scale: float) -> None:
    variables = transformer_variables()
    slow = SlowTransformer(dict(variables))
    slow.scale = scale
    for side in ("encoder", "decoder"):
        variables[f"{side}/scale_embeddings"] = np.asarray(value)
    assert_same_translations(write_folder(tmp_path / "model", model_bytes(variables)), slow)


def test_tied_embeddings_are_one_tensor(tmp_path: Path) -> None:
    variables = transformer_variables()
    shared = variables.pop("decoder/projection/weight")
    variables["decoder/embeddings/weight"] = shared
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    folder = write_folder(tmp_path / "model", model_bytes(variables, aliases=aliases))
    assert_same_translations(folder, SlowTransformer(variables | {"decoder/projection/weight": shared}))
    names = {tensor["name"] for tensor in pyseq.load(folder).program.tensors}
    assert "decoder.projection.weight" not in names


def quantised(array: np.ndarray, name: str, kind: str) -> dict[str, np.ndarray]:
    if kind == "int16":
        return {name: np.rint(array * 1000).astype(np.int16)}
    scale = (127 / np.abs(array).max(1)).astype(np.float32)
    return {name: np.rint(array * scale[:, None]).astype(np.int8), f"{name}_scale": scale}


@pytest.mark.parametrize("kind", ["int8", "int16", "float16", "bfloat16"])
def test_smaller_types_become_float32(tmp_path: Path, kind: str) -> None:
    stored: dict[str, np.ndarray] = {}
    restored, types = {}, {}
    for name, array in transformer_variables().items():
        if kind in ("int8", "int16") and name.endswith("weight"):
            parts = quantised(array, name, kind)
            scale = parts.get(f"{name}_scale", np.float32(1000))
            stored |= parts
            restored[name] = parts[name].astype(np.float32) / np.reshape(scale, (-1, 1))
        elif kind == "float16" and array.ndim:
            stored[name] = array.astype(np.float16)
            restored[name] = stored[name].astype(np.float32)
        elif kind == "bfloat16" and array.ndim:
            stored[name], types[name] = (array.view(np.uint32) >> 16).astype(np.uint16), kind
            restored[name] = (array.view(np.uint32) & 0xFFFF0000).view(np.float32)
        else:
            stored[name] = restored[name] = array
    folder = write_folder(tmp_path / "model", model_bytes(stored, types=types))
    assert_same_translations(folder, SlowTransformer(restored))


def test_attention_is_that_of_the_last_layer_and_first_head(tmp_path: Path) -> None:
    variables = transformer_variables()
    slow = SlowTransformer(variables)
    translator = pyseq.load(write_folder(tmp_path / "model", model_bytes(variables)))
    hypothesis = translator.translate("abcd", max_length=5, return_attention=True)
    source = slow.encode([SOURCE_TOKENS.index(c) for c in "abcd"])
    slow.log_probs(source, [1, *hypothesis.ids])
    assert hypothesis.attention is not None
    expected = slow.weights[0, 0, : len(hypothesis.ids)]
    np.testing.assert_allclose(hypothesis.attention, expected, atol=1e-5)


def test_the_config_adds_an_end_mark_and_names_the_marks(tmp_path: Path) -> None:
    variables = transformer_variables()
    config = {"add_source_eos": True, "decoder_start_token": "</s>", "eos_token": "</s>", "layer_norm_epsilon": None}
    translator = pyseq.load(write_folder(tmp_path / "model", model_bytes(variables), config=config))
    task = translator.program.task
    assert (task["source_suffix"], task["start"], task["end"]) == ([2], 2, 2)


def test_words_and_unknown_tokens(tmp_path: Path) -> None:
    tokens = [f"word{number}" if number > 3 else token for number, token in enumerate(SOURCE_TOKENS)]
    translator = pyseq.load(write_folder(tmp_path / "model", source_tokens=tokens))
    assert translator.program.vocabulary("source").unit == "word"
    unknown = translator.translate("word5 elsewhere")
    assert unknown.ids == translator.translate("word5 <unk>").ids


def with_variable(name: str, value: Any) -> bytes:
    return model_bytes(transformer_variables() | {name: np.asarray(value)})


def without(*names: str) -> bytes:
    variables = transformer_variables()
    for name in names:
        del variables[name]
    return model_bytes(variables)


def test_all_missing_and_unexpected_variables_are_listed(tmp_path: Path) -> None:
    variables = transformer_variables() | {"decoder/extra/weight": np.ones((2, 2), np.float32)}
    for name in ("decoder/projection/bias", "encoder/layer_1/ffn/linear_0/weight"):
        del variables[name]
    with pytest.raises(pyseq.FormatError) as caught:
        pyseq.load(write_folder(tmp_path / "model", model_bytes(variables)))
    assert "missing: encoder/layer_1/ffn/linear_0/weight, decoder/projection/bias" in str(caught.value)
    assert "unexpected: decoder/extra/weight" in str(caught.value)


def huge_variable(rank: int, size: int, stored: int) -> bytes:
    content = model_bytes({}, aliases=None)[:-8]
    name = b"\x02\x00x\x00"
    return (
        content
        + struct.pack("<I", 1)
        + name
        + struct.pack(f"<B{rank}I", rank, *[size] * rank)
        + struct.pack("<BI", 0, stored)
    )


GOOD = model_bytes(transformer_variables())
ATTACKS: dict[str, tuple[bytes, type[Exception], str]] = {
    "empty": (b"", pyseq.FormatError, "cut short"),
    "cut": (GOOD[: len(GOOD) // 2], pyseq.FormatError, "cut short"),
    "longer": (GOOD + b"x", pyseq.FormatError, "1 bytes are left over"),
    "version": (struct.pack("<I", 99) + GOOD[4:], pyseq.UnsupportedError, "binary version 99"),
    "kind": (model_bytes({}, name="WhisperSpec"), pyseq.UnsupportedError, "'WhisperSpec'"),
    "string": (GOOD[:4] + struct.pack("<H", 3) + b"abc" + GOOD[9:], pyseq.FormatError, "zero byte"),
    "not_utf8": (GOOD[:4] + struct.pack("<H", 3) + b"\xff\xff\0" + GOOD[9:], pyseq.FormatError, "not UTF-8"),
    "overflow": (huge_variable(8, 2**32 - 1, 0), pyseq.FormatError, "has 0 bytes, but shape"),
    "rank": (huge_variable(9, 1, 4), pyseq.FormatError, "9 axes"),
    "beyond_the_end": (huge_variable(2, 2**14, 2**30), pyseq.FormatError, "cut short"),
    "count": (struct.pack("<I", 6) + b"\x02\x00x\x00" + struct.pack("<II", 1, 2**32 - 1), pyseq.FormatError, "cut"),
    "alias": (model_bytes(transformer_variables(), aliases={"a": "b"}), pyseq.FormatError, "'b', which is missing"),
    "alibi": (with_variable("decoder/alibi", np.int8(1)), pyseq.UnsupportedError, "alibi is 1"),
    "activation": (
        model_bytes(
            transformer_variables() | {f"{s}/activation": np.array(2, np.int8) for s in ("encoder", "decoder")}
        ),
        pyseq.UnsupportedError,
        "activation 2",
    ),
    "heads": (
        model_bytes(transformer_variables() | {f"{s}/num_heads": np.array(5, np.int8) for s in ("encoder", "decoder")}),
        pyseq.FormatError,
        "width 16 and 5 heads",
    ),
    "different_sides": (with_variable("encoder/num_heads", np.int8(4)), pyseq.UnsupportedError, "num_heads is 4 in"),
    "misshapen": (
        with_variable("encoder/layer_0/ffn/layer_norm/beta", np.ones(3, np.float32)),
        pyseq.FormatError,
        r"feed_forward_norm.bias: float32 \[3\], expected float32 \[16\]",
    ),
    "scalar_weight": (with_variable("encoder/embeddings/weight", np.float32(1)), pyseq.FormatError, "is a number"),
    "flag": (with_variable("encoder/pre_norm", np.ones(3, np.float32)), pyseq.FormatError, "expected a number"),
    "wide_without_rows": (
        model_bytes(
            {
                name: np.zeros((0, 2**31), np.float32) if array.ndim == 2 else np.zeros(0, np.float32)
                for name, array in transformer_variables().items()
                if array.ndim
            }
        ),
        pyseq.FormatError,
        "out_proj.weight has shape",
    ),
    "stacked": (
        with_variable("encoder/layer_0/self_attention/linear_0/bias", np.ones(47, np.float32)),
        pyseq.FormatError,
        "47 rows",
    ),
    "scale": (
        with_variable("decoder/projection/weight", np.ones((11, WIDTH), np.int8)),
        pyseq.FormatError,
        "weight_scale is missing",
    ),
    "gap_in_layers": (
        without(*[name for name in transformer_variables() if "/layer_0/" in name]),
        pyseq.FormatError,
        "unexpected: decoder/layer_1/attention",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_damaged_files_are_refused(tmp_path: Path, attack: str) -> None:
    content, error, message = ATTACKS[attack]
    with pytest.raises(error, match=message):
        pyseq.load(write_folder(tmp_path / "model", content))


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_never_gives_anything_but_an_error_of_ours(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    content = bytearray(GOOD)
    for _ in range(int(random.integers(1, 6))):  # in the headers, mostly
        content[int(random.integers(0, 200 if seed % 2 else len(content)))] = int(random.integers(0, 256))
    problem = loading_problem(write_folder(tmp_path / "model", bytes(content)))
    assert problem is None or str(tmp_path) in problem


def test_damaged_vocabularies_and_configs_are_refused(tmp_path: Path) -> None:
    def expect(message: str, error: type[Exception] = pyseq.FormatError, **changes: Any) -> None:
        with pytest.raises(error, match=message):
            pyseq.load(write_folder(tmp_path / f"model{len(list(tmp_path.iterdir()))}", **changes))

    expect("11 tokens, the model has 12 source", source_tokens=SOURCE_TOKENS[:-1])
    expect("both 'a'", source_tokens=[*SOURCE_TOKENS[:-1], "a"])
    expect("eos_token '</s>' is not in the vocabulary", target_tokens=[*TARGET_TOKENS[:2], "x", *TARGET_TOKENS[3:]])
    expect("add_source_eos is 'yes'", config={"add_source_eos": "yes"})
    expect("add_source_bos is set", pyseq.UnsupportedError, config={"add_source_bos": True})
    folder = write_folder(tmp_path / "json")
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(pyseq.FormatError, match="not JSON"):
        pyseq.load(folder)
    (folder / "config.json").unlink()
    (folder / "source_vocabulary.txt").write_bytes(b"\xff\n")
    with pytest.raises(pyseq.FormatError, match="not UTF-8 at byte 0"):
        pyseq.load(folder)
    (folder / "source_vocabulary.txt").unlink()
    with pytest.raises(pyseq.FormatError, match="no source_vocabulary or shared_vocabulary"):
        pyseq.load(folder)


def test_layers_are_counted(tmp_path: Path) -> None:
    translator = pyseq.load(write_folder(tmp_path / "model"))
    names = {node["name"] for node in translator.program.functions[0]["nodes"]}
    assert f"encoder.layers.{LAYERS - 1}.self_attention" in names
    assert f"encoder.layers.{LAYERS}.self_attention" not in names


# The real model.


@pytest.fixture(scope="module")
def real_folder(data_dir: Path) -> Path:
    folder = data_dir / "models" / "aren_transliteration"
    if not folder.is_dir():
        skip_or_fail(f"{folder} is not there")
    return folder


@pytest.fixture(scope="module")
def goldens(real_folder: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((real_folder / "goldens.json").read_text())["cases"]
    return cases


def test_the_real_model_reproduces_its_goldens(real_folder: Path, goldens: list[dict[str, Any]]) -> None:
    translator = pyseq.load(real_folder)
    assert goldens
    for case in goldens:
        options = dict(case["options"])
        options["n_best"] = options.pop("num_hypotheses", 1)
        options["return_attention"] = options.pop("return_attention", False)
        texts = [result["source"] for result in case["results"]]
        translations = translator.translate_batch(texts, **options)
        for result, hypotheses in zip(case["results"], translations, strict=True):
            assert [h.text for h in hypotheses] == result["hypotheses"]
            np.testing.assert_allclose([h.score for h in hypotheses], result["scores"], atol=1e-3)
            for hypothesis, attention in zip(hypotheses, result.get("attention", []), strict=False):
                assert hypothesis.attention is not None
                np.testing.assert_allclose(hypothesis.attention, np.array(attention), atol=1e-3)
