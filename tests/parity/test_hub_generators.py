"""GPT-2, Llama and Qwen2 folders against `transformers`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import decode

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import hub_models  # noqa: E402

LLAMA = {
    "vocab_size": hub_models.VOCABULARY,
    "hidden_size": 36,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 52,
    "max_position_embeddings": 64,
    "bos_token_id": 1002,
    "eos_token_id": 1002,
}
MODELS: dict[str, Any] = {
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=hub_models.VOCABULARY,
            n_embd=30,
            n_layer=3,
            n_head=5,
            n_positions=64,
            bos_token_id=1002,
            eos_token_id=1002,
        )
    ),
    "llama": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA, rope_theta=5000.0)),
    "llama, biases and a tied head": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**LLAMA, attention_bias=True, tie_word_embeddings=True)
    ),
    "qwen2": lambda: transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**LLAMA)),
}


@pytest.fixture(scope="module", params=MODELS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of `transformers` and the same loaded from its folder."""
    folder = tmp_path_factory.mktemp("model")
    model = hub_models.randomised(MODELS[request.param]())
    if "biases" in request.param:  # o_proj has one too in files of this kind; ours has none
        for layer in model.model.layers:
            layer.self_attn.o_proj.bias = None
    hub_models.save(model, folder)
    hub_models.byte_pairs(folder, ("<|endoftext|>",))
    return model, pyseq.load(folder)


def test_logits(pair: Any) -> None:
    model, loaded = pair
    for shape in ((1, 1), (3, 11)):
        tokens = np.random.default_rng(0).integers(0, 1003, shape)
        with torch.no_grad():
            expected = model(torch.from_numpy(tokens)).logits.numpy()
        state = loaded.program.new_state(shape[0])
        found = loaded.program.run("step", state=state, tokens=tokens)["logits"]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_greedy_text(pair: Any) -> None:
    model, loaded = pair
    prompt = loaded.tokenizer.encode("hello old world")
    expected = model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False, pad_token_id=0)[0].tolist()
    found = list(loaded.stream_ids(prompt, temperature=0, max_length=20))
    assert found == [id for id in expected[len(prompt) :] if id != 1002]
    written = loaded.generate("hello old world", temperature=0, max_length=20)
    assert written == "hello old world" + loaded.tokenizer.decode(found)


def test_beams_and_their_scores(pair: Any) -> None:
    model, loaded = pair
    prompt = loaded.tokenizer.encode("some words")
    theirs = model.generate(
        torch.tensor([prompt]),
        max_new_tokens=8,
        num_beams=4,
        num_return_sequences=4,
        length_penalty=0.0,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=None,
        return_dict_in_generate=True,
        output_scores=True,
    )
    state = loaded.program.new_state(1)
    loaded.program.run("prefill", state=state, tokens=np.array([prompt[:-1]]))
    step_model = decode.program_step_model(loaded.program, state)
    (ours,) = decode.search(step_model, 1, start=prompt[-1], end=1002, beam_size=4, n_best=4, max_length=8)
    for hypothesis, ids, score in zip(ours, theirs.sequences, theirs.sequences_scores, strict=True):
        assert hypothesis.ids == ids[len(prompt) :].tolist()
        np.testing.assert_allclose(hypothesis.score, float(score), atol=1e-4)


def test_scores_of_a_text(pair: Any) -> None:
    model, loaded = pair
    text = "abc def ghi"
    ids = loaded.tokenizer.encode(text)
    with torch.no_grad():
        log_probs = torch.log_softmax(model(torch.tensor([ids])).logits[0], -1).numpy()
    expected = [log_probs[place, id] for place, id in enumerate(ids[1:])]
    np.testing.assert_allclose(loaded.score(text).token_log_probs, expected, atol=1e-4)
