"""Marian, BART and T5 folders against `transformers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyseq

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import hub_models  # noqa: E402

SIZES = {
    "vocab_size": hub_models.VOCABULARY,
    "d_model": 30,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 5,
    "decoder_attention_heads": 5,
    "encoder_ffn_dim": 44,
    "decoder_ffn_dim": 52,
    "max_position_embeddings": 40,
    "forced_eos_token_id": None,
}


def marian(folder: Path) -> Any:
    config = transformers.MarianConfig(
        **SIZES,
        activation_function="swish",
        scale_embedding=True,
        pad_token_id=1002,
        eos_token_id=1000,
        decoder_start_token_id=1002,
    )
    model = hub_models.randomised(transformers.MarianMTModel(config))
    table = transformers.models.marian.modeling_marian.MarianSinusoidalPositionalEmbedding(40, 30)
    table.weight.data = table.create_weight()
    for side in (model.model.encoder, model.model.decoder):  # computed, not learned
        side.embed_positions.weight.data = table.weight.data.clone()
    hub_models.byte_pairs(folder, ("</s>", "<unk>", "<pad>"))
    hub_models.sentence_pieces(folder)
    return model


def bart(folder: Path) -> Any:
    config = transformers.BartConfig(
        **SIZES,
        pad_token_id=1000,
        bos_token_id=999,
        eos_token_id=1001,
        decoder_start_token_id=1001,
        forced_bos_token_id=None,
    )
    model = hub_models.randomised(transformers.BartForConditionalGeneration(config))
    hub_models.byte_pairs(folder, ("<s>", "<pad>", "</s>", "<unk>"))
    return model


def t5(folder: Path, **more: Any) -> Any:
    config = transformers.T5Config(
        vocab_size=hub_models.VOCABULARY,
        d_model=30,
        d_kv=7,
        d_ff=44,
        num_layers=3,
        num_decoder_layers=2,
        num_heads=5,
        relative_attention_num_buckets=10,
        relative_attention_max_distance=17,
        pad_token_id=1000,
        eos_token_id=1001,
        decoder_start_token_id=1000,
        **more,
    )
    model = hub_models.randomised(transformers.T5ForConditionalGeneration(config))
    with torch.no_grad():
        model.shared.weight.mul_(5)
    hub_models.byte_pairs(folder, ("<s>", "<pad>", "</s>", "<unk>"))
    return model


def gated_t5(folder: Path) -> Any:
    """As flan-t5: gates, and a head of its own."""
    model = t5(folder, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    model.config.tie_word_embeddings = False  # what files of this kind say
    model.lm_head.weight = torch.nn.Parameter(0.2 * torch.randn(1003, 30, generator=torch.Generator().manual_seed(2)))
    return model


MAKERS = {"marian": marian, "bart": bart, "t5": t5, "gated t5": gated_t5}


@pytest.fixture(scope="module", params=MAKERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of `transformers` and the same loaded from its folder."""
    folder = tmp_path_factory.mktemp("model")
    model = MAKERS[request.param](folder)
    if hasattr(model, "final_logits_bias"):
        with torch.no_grad():
            model.final_logits_bias.normal_(generator=torch.Generator().manual_seed(1))
    hub_models.save(model, folder, as_torch_file=request.param == "marian")
    return model, pyseq.load(folder)


def test_logits_with_ragged_sources(pair: Any) -> None:
    model, loaded = pair
    for rows in ((30, 1, 4), (1,)):
        tokens, lengths = hub_models.ragged(rows)
        targets = np.random.default_rng(3).integers(5, 999, (len(rows), 24))
        with torch.no_grad():
            inputs = hub_models.masked(tokens, lengths, model.config.pad_token_id)
            expected = model(**inputs, decoder_input_ids=torch.from_numpy(targets)).logits.numpy()
        state = loaded.program.new_state(len(rows))
        loaded.program.run("encode", state=state, tokens=tokens, lengths=lengths)
        found = [
            loaded.program.run("step", state=state, tokens=np.ascontiguousarray(part))["logits"]
            for part in (targets[:, :4], targets[:, 4:5], targets[:, 5:])
        ]
        np.testing.assert_allclose(np.concatenate(found, axis=1), expected, atol=1e-4)


def up_to_end(ids: list[int], end: int) -> list[int]:
    """Without what pads a sequence behind its end mark."""
    return ids[: ids.index(end) + 1] if end in ids else ids


@pytest.mark.parametrize("beams", [1, 4])
def test_translations_and_scores(pair: Any, beams: int) -> None:
    model, loaded = pair
    texts = ["hello", "some more words here", "z"]
    ids = [loaded.tokenizer.encode(text) for text in texts]
    for row, text in zip(ids, texts, strict=True):
        theirs = model.generate(
            torch.tensor([row]),
            num_beams=beams,
            num_return_sequences=beams,
            max_new_tokens=12,
            do_sample=False,
            length_penalty=1.0,
            early_stopping=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
        (ours,) = loaded.translate_batch(
            [text], beam_size=beams, n_best=beams, length_penalty=1.0, max_length=12, early_exit="bound"
        )
        for number, hypothesis in enumerate(ours):
            expected = up_to_end(theirs.sequences[number, 1:].tolist(), model.config.eos_token_id)
            found = hypothesis.ids + [model.config.eos_token_id] * hypothesis.finished
            assert found == expected
            if beams > 1:
                np.testing.assert_allclose(hypothesis.score, float(theirs.sequences_scores[number]), atol=1e-4)


def test_a_translation_reads_as_text(pair: Any) -> None:
    _, loaded = pair
    found = loaded.translate("hello world", max_length=5)
    assert found.text == loaded.tokenizer.decode(found.ids)
    assert loaded.score("hello world", found.text).token_log_probs
