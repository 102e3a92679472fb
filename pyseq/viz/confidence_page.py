"""How sure a model is of every token, as a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pyseq.viz.page import html_page

STYLE = """
.text { line-height: 2.2; white-space: pre-wrap; font-size: 1.05rem; }
.token { position: relative; padding: .15rem .1rem; border-radius: 3px; white-space: pre-wrap; }
.token .more { display: none; position: absolute; left: 0; top: 2.1rem; z-index: 1; background: #fff; color: #222;
  border: 1px solid #bbb; border-radius: 4px; padding: .4rem .6rem; font-size: .85rem; line-height: 1.5;
  box-shadow: 0 2px 8px #0002; white-space: nowrap; }
.token:hover .more, .token:focus .more { display: block; }
.more td { padding: 0 .4rem 0 0; font-family: ui-monospace, monospace; }
.more .bar { display: inline-block; height: .7em; background: #1446a0; vertical-align: baseline; }
.more .taken td { font-weight: 700; }
.scale { display: inline-block; width: 12rem; height: .8rem; vertical-align: middle; margin: 0 .5rem;
  background: linear-gradient(to right, hsl(8 75% 78%), hsl(48 75% 86%), hsl(120 45% 88%)); }
"""


@dataclass(frozen=True)
class TokenConfidence:
    """A text with how likely the model found each of its tokens."""

    title: str
    tokens: Sequence[str]
    log_probs: Sequence[float]  # natural logarithms, one per token
    top_tokens: Sequence[Sequence[tuple[str, float]]] | None = None  # the likeliest (token, log probability) instead
    context: str = ""  # what stands before the tokens

    @property
    def perplexity(self) -> float:
        """Exp of the mean negative log probability; NaN for no tokens."""
        return math.exp(-math.fsum(self.log_probs) / len(self.log_probs)) if self.log_probs else math.nan


def confidence_page(texts: Sequence[TokenConfidence], title: str = "Token confidence") -> str:
    """A page that colours every token by its probability, red for unlikely ones; touched, it shows the alternatives.

    Args:
        texts: what to show.
        title: of the page.

    Returns:
        the HTML text.

    Raises:
        ValueError: not as many log probabilities, or lists of alternatives, as tokens.

    Example:
        >>> from pyseq.viz import TokenConfidence, confidence_page
        >>> "p = 0.607" in confidence_page([TokenConfidence("one", ["a"], [-0.5], [[("a", -0.5), ("b", -1.0)]])])
        True
    """
    note = (
        '<p class="note">The colour of a token is its probability: 0<span class="scale"></span>1. '
        "Touch a token to see it beside the likeliest ones.</p>"
    )
    return html_page(title, note + "\n".join(_section(text) for text in texts), STYLE)


def _section(text: TokenConfidence) -> str:
    for name, values in (("log_probs", text.log_probs), ("top_tokens", text.top_tokens)):
        if values is not None and len(values) != len(text.tokens):
            raise ValueError(f"confidence_page: {len(values)} {name} of {len(text.tokens)} tokens")
    spans = "".join(
        _token(token, log_prob, text.top_tokens[place] if text.top_tokens else ())
        for place, (token, log_prob) in enumerate(zip(text.tokens, text.log_probs, strict=True))
    )
    total = math.fsum(text.log_probs)
    figures = f"log P = {total:.3f}, perplexity {text.perplexity:.3f}, {len(text.tokens)} tokens"
    return (
        f"<section><h2>{escape(text.title)}</h2>"
        f'<div class="text">{escape(text.context)}{spans}</div><p class="note">{figures}</p></section>'
    )


def _token(token: str, log_prob: float, others: Sequence[tuple[str, float]]) -> str:
    probability = math.exp(min(log_prob, 0.0))
    rows = "".join(_row(other, own, other == token) for other, own in others)
    table = f"<table>{rows}</table>" if rows else ""
    more = f'<span class="more">p = {probability:.3f}{table}</span>'
    style = f"background:{_colour(probability)}"
    return f'<span class="token" tabindex="0" style="{style}">{escape(_shown(token))}{more}</span>'


def _row(token: str, log_prob: float, is_taken: bool) -> str:
    probability = math.exp(min(log_prob, 0.0))
    bar = f'<span class="bar" style="width:{6 * probability:.2f}rem"></span>'
    taken = ' class="taken"' if is_taken else ""
    return f"<tr{taken}><td>{escape(_shown(token))}</td><td>{probability:.3f}</td><td>{bar}</td></tr>"


def _colour(probability: float) -> str:
    """From red by yellow to green, pale enough for black text."""
    hue = 8 + 80 * probability if probability < 0.5 else 48 + 144 * (probability - 0.5)
    return f"hsl({hue:.0f} {75 - 30 * max(0.0, 2 * probability - 1):.0f}% {78 + 10 * min(1.0, 1.2 * probability):.0f}%)"


def _shown(token: str) -> str:
    return token if token.strip() else token.replace(" ", "␣").replace("\n", "⏎") or "∅"
