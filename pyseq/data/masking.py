"""Masking: tokens that a model must guess from all others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens; the rest stays as it is


class MaskedTokens(NamedTuple):
    """Tokens with gaps, and what was in them."""

    tokens: Ids  # as given, but for the gaps
    places: Ids  # [n]: row · time + position of every token in question, ascending
    originals: Ids  # [n]: what stood there


def mask_tokens(
    tokens: Ids, candidates: NDArray[np.bool_], mask: int, vocabulary: int, random: np.random.Generator, share: float
) -> MaskedTokens:
    """Choose tokens to guess: most of them become the mask, some any token, some stay.

    Args:
        tokens: [batch, time].
        candidates: [batch, time], which tokens may be chosen (not marks and padding).
        mask: id of the mask.
        vocabulary: random tokens are below this id.
        random: where the numbers come from.
        share: of the candidates that are chosen; at least one is.

    Returns:
        The tokens with gaps.

    Source:
        Devlin et al., "BERT: Pre-training of deep bidirectional transformers" (2019), section 3.1: 80 % mask, 10 %
        random, 10 % unchanged.

    Example:
        >>> import numpy as np
        >>> from pyseq.data import mask_tokens
        >>> tokens = np.full((2, 50), 7)
        >>> gaps = mask_tokens(tokens, tokens > 0, mask=1, vocabulary=9, random=np.random.default_rng(0), share=0.2)
        >>> len(gaps.places), set(gaps.originals.tolist()), 1 in gaps.tokens
        (20, {7}, True)
    """
    possible = np.flatnonzero(candidates)
    count = max(1, round(share * len(possible)))
    places = np.sort(random.choice(possible, count, replace=False))
    flat = tokens.reshape(-1).copy()
    originals = flat[places]
    kind = random.random(count)
    replaced = np.where(kind < MASKED, mask, random.integers(vocabulary, size=count))
    flat[places] = np.where(kind < MASKED + RANDOM, replaced, originals)
    return MaskedTokens(flat.reshape(tokens.shape), places, originals)
