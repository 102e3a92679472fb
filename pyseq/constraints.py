"""What a search may write: a set of outputs, or all outputs that match a regular expression.

Every hypothesis that a constrained search returns keeps its constraints; one that is cut at max_length does, too.
Where the beam finds none, the search raises `ArgumentError` and names the source. One constraint alone never leads a
beam into a dead end when max_length leaves room for it; several together may. Scores stay those of the model: what is
not allowed is left out of the beam, its probability is not shared out among the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from pyseq import _core


class ConstraintReader(Protocol):
    """Reads constraints that are given as texts: the core's tasks, or what stands for a tokenizer."""

    def regex(self, pattern: str) -> _core.TokenAutomaton:
        """Outputs whose text matches a pattern."""

    def trie(self, texts: list[str]) -> _core.TokenAutomaton:
        """These outputs."""


class Trie:
    """Only these outputs are allowed.

    Args:
        outputs: token ids of each without start and end marks; or texts, for a `Translator` or `Generator`, which
            splits them with its own vocabulary.

    Raises:
        ArgumentError: no output, or texts and ids side by side.

    Example:
        >>> from pyseq.decode import Trie
        >>> colours = Trie([[3, 1], [3, 2, 2]])
        >>> colours.automaton().allowed_after([3], vocabulary=5)
        [1, 2]
    """

    def __init__(self, outputs: Iterable[Sequence[int]] | Iterable[str]) -> None:
        self.outputs: list[str] | list[list[int]]
        given: list[Any] = list(outputs)
        texts = [output for output in given if isinstance(output, str)]
        if texts and len(texts) < len(given):
            raise _core.ArgumentError("Trie: outputs are texts and token ids, expected one kind")
        if not given:
            raise _core.ArgumentError("Trie: there is no output, expected at least one")
        self.outputs = texts or [[int(token) for token in output] for output in given]

    def automaton(self, reader: ConstraintReader | None = None) -> _core.TokenAutomaton:
        """The set as a search reads it; `reader` splits texts."""
        if not isinstance(self.outputs[0], str):
            return _core.token_trie(self.outputs)
        if reader is None:
            raise _core.ArgumentError("Trie: its outputs are texts, expected token ids (there is no vocabulary)")
        return reader.trie(self.outputs)


class Regex:
    r"""Only outputs whose whole text matches a regular expression are allowed.

    Literals, `.`, [classes], (groups), (?:groups), |, *, +, ?, {m,n} and the escapes \d \w \s \D \W \S (of ASCII), \t
    \n \r \f \v \a \xHH \uHHHH \UHHHHHHHH, as in Python's `re`; a backslash before any other character that is no letter
    or digit stands for that character. There are no anchors: the whole text is matched.

    Args:
        pattern: the expression.
        tokens: the text of every token of the model, "" for marks and others that must not be written; a `Translator`
            or `Generator` needs none, it has its vocabulary.
        separator: what stands between the texts of two tokens (" " for words).

    Raises:
        ArgumentError: no regular expression (with the position), or one that takes too many states.

    Example:
        >>> from pyseq.decode import Regex
        >>> Regex(r"\d{4}-\d\d").matches("2026-11")
        True
        >>> number = Regex("a+b?", tokens=["", "a", "b", "aab"])
        >>> number.automaton().allowed_after([1], vocabulary=4)
        [1, 2, 3]
    """

    def __init__(self, pattern: str, tokens: Sequence[str] | None = None, separator: str = "") -> None:
        self.pattern = pattern
        self.tokens = None if tokens is None else list(tokens)
        self.separator = separator
        self._made: WeakKeyDictionary[Any, _core.TokenAutomaton] = WeakKeyDictionary()  # by reader
        _core.regex_matches(pattern, "")  # complains about a bad pattern

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        return _core.regex_matches(self.pattern, text)

    def automaton(self, reader: ConstraintReader | None = None) -> _core.TokenAutomaton:
        """The set of token sequences as a search reads it, over the tokens of a model or those given."""
        if self.tokens is not None:
            return _core.regex_automaton(self.pattern, self.tokens, self.separator)
        if reader is None:
            raise _core.ArgumentError("Regex: the texts of the model's tokens are not known, expected tokens=[...]")
        if reader not in self._made:
            self._made[reader] = reader.regex(self.pattern)
        return self._made[reader]


Allowed = Trie | Regex | _core.TokenAutomaton


def automata(
    allowed: Allowed | Sequence[Allowed], reader: ConstraintReader | None = None
) -> list[_core.TokenAutomaton]:
    """What the core takes for the option `allowed`: one set, or several that outputs are in at the same time."""
    several = [allowed] if isinstance(allowed, Trie | Regex | _core.TokenAutomaton) else list(allowed)
    for one in several:
        if not isinstance(one, Trie | Regex | _core.TokenAutomaton):
            raise _core.ArgumentError(f"search: allowed has {one!r}, expected a Trie or a Regex")
    return [one if isinstance(one, _core.TokenAutomaton) else one.automaton(reader) for one in several]
