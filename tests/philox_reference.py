"""Philox4x32-10 in plain integers, and the uniform numbers that the library makes of it."""

from __future__ import annotations

MASK = 0xFFFFFFFF


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Four words of 32 bits (Salmon et al., 2011)."""
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (second >> 32) ^ counter[1] ^ key[0],
            second & MASK,
            (first >> 32) ^ counter[3] ^ key[1],
            first & MASK,
        ]
        key = [(key[0] + 0x9E3779B9) & MASK, (key[1] + 0xBB67AE85) & MASK]
    return counter


def uniform(seed: int, stream: int, step: int) -> float:
    """A number in [0, 1): draw `step` of a stream."""
    words = philox([step & MASK, step >> 32, stream & MASK, stream >> 32], [seed & MASK, seed >> 32])
    return float((words[0] << 32 | words[1]) >> 11) * 2.0**-53
