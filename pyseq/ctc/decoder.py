"""Prefix beam search with a lexicon, an n-gram language model and hot words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike

from pyseq import _core
from pyseq.ctc.alignment import FloatArray, IntArray
from pyseq.ctc.ngram import NgramModel

Lexicon = Iterable[str] | Mapping[str, Sequence[Sequence[str]]]


class Decoder:
    """Prefix beam search: the likeliest label sequences, each summed over all of its paths that the beam follows.

    score = ln p(labels | frames) + alpha · ln p_lm(words) + beta · |words| + boosts of hot words

    With a lexicon only its words are written; without one, words are what stands between separators (or begins with
    U+2581), and the language model scores each when it ends. Usable from many threads at once.

    Args:
        tokens: the text of every class, the blank's included (whatever it is).
        blank: the class that stands for no label.
        separator: the token between words; None: " " or "|" where it is among the tokens; "": there is none.
        language_model: an `NgramModel` or the file of one.
        language_unit: "word", or "token" for a model over tokens (" " is called <space>, | or U+2581 there).
        lexicon: words, spelled by the longest tokens that fit; or spellings (lists of tokens) by word.
        hot_words: phrases and what each of their occurrences adds to the score.
        beam_size: hypotheses that are kept after each frame.
        n_best: hypotheses that are given back.
        tokens_per_frame: tokens that are tried in a frame, the likeliest ones; None for all.
        min_token_log_prob: tokens below it are not tried in a frame.
        beam_threshold: hypotheses whose score is so far below the best one's are dropped.
        blank_penalty: what is subtracted from the blank's log-probability.
        alpha: weight of the language model's natural log-probabilities.
        beta: what each word adds (each token, where the language model is over tokens).
        unknown_score: what a word adds that the language model does not know.
        sentence_begin: whether the language model starts after <s>.
        sentence_end: whether it ends with </s>.

    Raises:
        ArgumentError: options out of range, words or phrases that the tokens cannot spell.

    Source:
        Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs"
        (2014).

    Example:
        >>> import numpy as np
        >>> from pyseq import ctc
        >>> log_probs = np.log(np.array([[0.6, 0.4], [0.6, 0.4]], np.float32))
        >>> best = ctc.Decoder(["_", "a"], n_best=2).decode(log_probs)  # .36 of no label, .64 of paths that show a
        >>> [(one.text, round(one.log_prob, 3)) for one in best]
        [('a', -0.446), ('', -1.022)]
    """

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        blank: int = 0,
        separator: str | None = None,
        language_model: NgramModel | str | PathLike[str] | None = None,
        language_unit: str = "word",
        lexicon: Lexicon | None = None,
        hot_words: Mapping[str, float] | None = None,
        beam_size: int = 16,
        n_best: int = 1,
        tokens_per_frame: int | None = None,
        min_token_log_prob: float = -float("inf"),
        beam_threshold: float = float("inf"),
        blank_penalty: float = 0.0,
        alpha: float = 0.5,
        beta: float = 0.0,
        unknown_score: float = -10.0,
        sentence_begin: bool = True,
        sentence_end: bool = True,
    ) -> None:
        self.tokens = list(tokens)
        self.blank = blank
        self.separator = _find_separator(self.tokens, separator)
        self.has_lexicon = lexicon is not None
        if language_model is not None and not isinstance(language_model, NgramModel):
            language_model = NgramModel(language_model)
        options = _core.CtcOptions()
        options.beam_size, options.n_best = beam_size, n_best
        options.tokens_per_frame = tokens_per_frame or 0
        options.min_token_log_prob, options.beam_threshold = min_token_log_prob, beam_threshold
        options.blank_penalty, options.unknown_score = blank_penalty, unknown_score
        options.alpha, options.beta = alpha, beta
        options.sentence_begin, options.sentence_end = sentence_begin, sentence_end
        self._vocabulary = _core.CtcVocabulary(self.tokens, blank, self.separator)
        self._core = _core.CtcDecoder(
            self._vocabulary,
            options,
            self._spelled_lexicon(lexicon),
            language_model.core if language_model is not None else None,
            language_unit,
            [(self._spell(phrase, "hot_words"), boost) for phrase, boost in (hot_words or {}).items()],
        )

    def decode(
        self, log_probs: FloatArray, *, deadline: float | None = None, cancel: _core.CancelToken | None = None
    ) -> list[_core.CtcHypothesis]:
        """The best hypotheses of one utterance.

        Args:
            log_probs: [time, classes] float32.
            deadline: seconds after which the call gives up; None for no limit.
            cancel: stops the call from another thread.

        Returns:
            At most n_best `Hypothesis`, best first: text, words, tokens, alignment, score, log_prob. None where the
            lexicon allows nothing.

        Raises:
            ShapeError, DTypeError: arrays that do not fit. ArgumentError: NaN or inf in a frame.
        """
        return self._core.decode(log_probs, deadline, cancel)

    def decode_batch(
        self,
        log_probs: FloatArray,
        lengths: IntArray | None = None,
        *,
        deadline: float | None = None,
        cancel: _core.CancelToken | None = None,
    ) -> list[list[_core.CtcHypothesis]]:
        """The best hypotheses of each row of log_probs [batch, time, classes] with lengths [batch], on all threads."""
        return self._core.decode_batch(log_probs, lengths, deadline, cancel)

    def stream(self) -> _core.CtcStream:
        """A search that takes frames as they come; it gives what `decode` gives for all frames at once.

        Example:
            >>> import numpy as np
            >>> from pyseq import ctc
            >>> stream = ctc.Decoder(["_", "a", "b"]).stream()
            >>> for frame in np.log(np.array([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], np.float32)):
            ...     stream.feed(frame[None])
            ...     print(stream.hypotheses()[0].text)
            a
            a
            ab
        """
        return self._core.stream()

    def spell(self, text: str) -> list[int] | None:
        """The classes of a text, the longest tokens first; None where they cannot spell it."""
        return self._vocabulary.spell(text)

    def _spell(self, text: str, argument: str) -> list[int]:
        ids = self.spell(text)
        if not ids:
            raise _core.ArgumentError(f"ctc.Decoder: {argument} has {text!r}, expected texts that the tokens can spell")
        return ids

    def _spelled_lexicon(self, lexicon: Lexicon | None) -> list[tuple[str, list[int]]]:
        if lexicon is None:
            return []
        if isinstance(lexicon, Mapping):
            number = {token: n for n, token in enumerate(self.tokens)}
            spelled = []
            for word, spellings in lexicon.items():
                for spelling in spellings:
                    unknown = [token for token in spelling if token not in number]
                    if unknown:
                        raise _core.ArgumentError(
                            f"ctc.Decoder: lexicon spells {word!r} with {unknown[0]!r}, expected one of the tokens"
                        )
                    spelled.append((word, [number[token] for token in spelling]))
        else:
            spelled = [(word, self._spell(word, "lexicon")) for word in lexicon]
        if not spelled:
            raise _core.ArgumentError("ctc.Decoder: lexicon has no word, expected at least one (None: any text)")
        return spelled


def _find_separator(tokens: list[str], separator: str | None) -> int:
    """The class of the separator, -1 for none."""
    for candidate in (" ", "|") if separator is None else (separator,):
        if candidate in tokens:
            return tokens.index(candidate)
    if separator:
        raise _core.ArgumentError(f"ctc.Decoder: separator is {separator!r}, expected one of the tokens")
    return -1
