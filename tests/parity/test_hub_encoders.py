"""BERT, RoBERTa and DistilBERT folders against `transformers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import hub_models  # noqa: E402

ROWS = ((5, 1, 3), (1,), (17, 4))
SIZES = {"vocab_size": hub_models.VOCABULARY, "max_position_embeddings": 40}
BERT = {"hidden_size": 30, "num_hidden_layers": 3, "num_attention_heads": 5, "intermediate_size": 44}
DISTILBERT = {"dim": 30, "n_layers": 3, "n_heads": 5, "hidden_dim": 44}
CONFIGS: dict[str, Any] = {
    "bert": lambda **more: transformers.BertConfig(**SIZES, **BERT, **more),
    "roberta": lambda **more: transformers.RobertaConfig(**SIZES, **BERT, pad_token_id=1, type_vocab_size=1, **more),
    "distilbert": lambda **more: transformers.DistilBertConfig(
        **SIZES, dim=30, n_layers=3, n_heads=5, hidden_dim=44, **more
    ),
}
NAMES = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}
PAD = {"bert": 0, "roberta": 1, "distilbert": 0}


def make(folder: Path, family: str, head: str, as_torch_file: bool = False, **more: Any) -> Any:
    config = CONFIGS[family](num_labels=3, **more)
    model = hub_models.randomised(getattr(transformers, NAMES[family] + head)(config))
    hub_models.save(model, folder, as_torch_file)
    if family == "roberta":
        hub_models.byte_pairs(folder, ("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    else:
        hub_models.word_pieces(folder)
    return model


@pytest.mark.parametrize("as_torch_file", [False, True])
@pytest.mark.parametrize("family", CONFIGS)
def test_vectors(family: str, as_torch_file: bool, tmp_path: Path) -> None:
    model = make(tmp_path, family, "Model", as_torch_file)
    program = pyseq.load(tmp_path).program
    for rows in ROWS:
        tokens, lengths = hub_models.ragged(rows)
        found = program.run("encode", tokens=tokens, lengths=lengths)["output"]
        with torch.no_grad():
            expected = model(**hub_models.masked(tokens, lengths, PAD[family])).last_hidden_state.numpy()
        for row, length in enumerate(rows):
            np.testing.assert_allclose(found[row, :length], expected[row, :length], atol=1e-4)
            alone = program.run("encode", tokens=tokens[row : row + 1, :length].copy(), lengths=lengths[row : row + 1])
            assert np.array_equal(alone["output"][0], found[row, :length])


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize(
    ("head", "function"), [("ForSequenceClassification", "classify"), ("ForTokenClassification", "tag")]
)
def test_labels(family: str, head: str, function: str, tmp_path: Path) -> None:
    model = make(tmp_path, family, head)
    loaded = pyseq.load(tmp_path)
    assert loaded.labels == ["LABEL_0", "LABEL_1", "LABEL_2"]
    tokens, lengths = hub_models.ragged((6, 2, 1))
    found = loaded.program.run(function, tokens=tokens, lengths=lengths)["logits"]
    with torch.no_grad():
        expected = model(**hub_models.masked(tokens, lengths, PAD[family])).logits.numpy()
    for row, length in enumerate(lengths):
        part = slice(None) if function == "classify" else slice(length)
        np.testing.assert_allclose(found[row][part], expected[row][part], atol=1e-4)


def test_pairs_have_segments(tmp_path: Path) -> None:
    model = make(tmp_path, "bert", "ForSequenceClassification")
    loaded = pyseq.load(tmp_path)
    tokenizer = transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"))
    with torch.no_grad():
        expected = torch.softmax(model(**tokenizer("abc de", "fg", return_tensors="pt")).logits, -1)[0].numpy()
    found = loaded.classify_batch([("abc de", "fg")])[0]
    np.testing.assert_allclose([dict(found.ranking)[label] for label in loaded.labels], expected, atol=1e-5)


@pytest.mark.parametrize("family", CONFIGS)
def test_masked_tokens(family: str, tmp_path: Path) -> None:
    model = make(tmp_path, family, "ForMaskedLM", True)
    loaded = pyseq.load(tmp_path)
    text = f"ab {loaded.mask} cd"
    ids = loaded.tokenizer.encode(text)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[
            0, ids.index(list(loaded.tokenizer.tokens).index(loaded.mask))
        ]
    best = torch.softmax(logits, -1).topk(4)
    (fillings,) = loaded.fill(text, top_k=4)
    assert [filling.token for filling in fillings] == [loaded.tokenizer.tokens[id] for id in best.indices]
    np.testing.assert_allclose([filling.probability for filling in fillings], best.values, atol=1e-5)


def test_tokenizers_made_from_plain_files(tmp_path: Path) -> None:
    make(tmp_path, "bert", "Model")
    theirs = transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt"))
    ours = pyseq.load(tmp_path).tokenizer
    for text in ("Abc, défg! hij", "", "zz 你好 qqq", "[MASK] a"):
        assert ours.encode(text) == theirs(text).input_ids
    assert ours.encode_segments("ab", "cd")[1] == theirs("ab", "cd").token_type_ids


def test_a_sharded_checkpoint(tmp_path: Path) -> None:
    model = make(tmp_path, "bert", "Model")
    hub_models.save(model, tmp_path, shard="60KB")
    (tmp_path / "model.safetensors").unlink(missing_ok=True)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    tokens, lengths = hub_models.ragged((4,))
    found = pyseq.load(tmp_path).program.run("encode", tokens=tokens, lengths=lengths)["output"]
    with torch.no_grad():
        expected = model(**hub_models.masked(tokens, lengths)).last_hidden_state.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_files(dtype: Any, tmp_path: Path) -> None:
    model = make(tmp_path, "bert", "Model").to(dtype)
    hub_models.save(model, tmp_path)
    tokens, lengths = hub_models.ragged((4, 2))
    found = pyseq.load(tmp_path).program.run("encode", tokens=tokens, lengths=lengths)["output"]
    with torch.no_grad():
        expected = model.float()(**hub_models.masked(tokens, lengths)).last_hidden_state.numpy()
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
