"""How sure a model is of each token that it writes, or that it is given."""

from __future__ import annotations

from typing import Any

from pyseq._core import ArgumentError
from pyseq.viz import TokenConfidence


def token_confidence(
    model: Any, text: str, top_tokens: int = 5, given: bool = False, **options: Any
) -> TokenConfidence:
    """The log probability of every token, beside those of the likeliest ones.

    Args:
        model: a `Translator` or `Generator` of `pyseq.load`.
        text: what is translated, or gone on with.
        top_tokens: how many of the likeliest tokens are told for every place.
        given: judge the text itself with a language model instead of going on with it; no alternatives then.
        options: of `translate`, or of `Generator.generate_batch`.

    Raises:
        ArgumentError: another kind of model, or `given` for a translator.

    Example:
        >>> import pyseq
        >>> from pyseq.analysis import token_confidence
        >>> found = token_confidence(pyseq.load("dates"), "May 5, 1998")
        >>> "".join(found.tokens[:-1]), found.perplexity < 1.1
        ('1998-05-05', True)
    """
    kind = model.program.task.get("kind")
    if kind not in ("translator", "generator"):
        raise ArgumentError(f"token_confidence: a model for the task {kind!r}, expected a translator or generator")
    if given:
        if kind != "generator":
            raise ArgumentError("token_confidence: a translator, expected a language model that judges a given text")
        score = model.score(text)
        return TokenConfidence(text, score.tokens, score.token_log_probs)
    options = {"top_tokens": top_tokens, **options}
    best = model.translate(text, **options) if kind == "translator" else model.generate_batch([text], **options)[0][0]
    side = "target_vocabulary" if kind == "translator" else "vocabulary"
    table = model.program.vocabulary(model.program.task[side])
    end = model.program.task.get("end")
    tokens = [*best.tokens, *([table.token(end)] if best.finished else [])]
    if kind == "generator" and table.unit == "word" and "tokenizer" not in model.program.task:
        tokens = [f" {token}" for token in tokens]
    title = f"{text} → {best.text}" if kind == "translator" else text
    context = text if kind == "generator" else ""
    return TokenConfidence(title, tokens, best.token_log_probs, best.top_tokens, context)
