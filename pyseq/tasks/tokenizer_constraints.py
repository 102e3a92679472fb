"""Constraints given as texts, in the tokens of a subword tokenizer."""

from __future__ import annotations

from pyseq import _core
from pyseq.text import SubwordTokenizer


class TokenizerConstraints:
    """Reads constraints for models whose texts a `SubwordTokenizer` splits.

    Args:
        tokenizer: of the model's outputs.
    """

    def __init__(self, tokenizer: SubwordTokenizer) -> None:
        self.tokenizer = tokenizer

    def regex(self, pattern: str) -> _core.TokenAutomaton:
        """Outputs whose text matches a pattern; a space before their first word is no part of it.

        Raises:
            UnsupportedError: the tokenizer does not write texts by joining its tokens.
        """
        _core.regex_matches(pattern, "")  # complains with the positions of the pattern as it was given
        texts: list[str] = self.tokenizer.token_bytes()  # type: ignore[assignment]  # the core takes both
        return _core.regex_automaton(f" ?(?:{pattern})", texts)

    def trie(self, texts: list[str]) -> _core.TokenAutomaton:
        """These outputs, split as the tokenizer splits them."""
        return _core.token_trie([self.tokenizer.encode_target(text) for text in texts])

    def phrase(self, text: str) -> list[int]:
        """The ids of a text."""
        return self.tokenizer.encode_target(text)
