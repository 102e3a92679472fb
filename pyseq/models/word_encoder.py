"""Words as vectors: a table of word vectors, and a convolution over the characters of each word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyseq import _core, nn, ops
from pyseq.tensor import Array, Tensor


@dataclass(frozen=True)
class WordOptions:
    """What words are made of.

    Args:
        words: entries of the table of word vectors.
        word_size: size of a word vector.
        characters: entries of the table of characters; 0: words have no characters.
        character_size: size of a character's vector.
        filters: of the convolution over characters; as many values describe a word.
        kernel: characters that a filter sees.
    """

    words: int
    word_size: int = 100
    characters: int = 0
    character_size: int = 30
    filters: int = 50
    kernel: int = 3

    @property
    def size(self) -> int:
        """Of what describes a word."""
        return self.word_size + (self.filters if self.characters else 0)


class WordVectorTable(nn.Embedding):
    """An embedding that begins with given vectors.

    Args:
        count: words.
        width: size of a vector.
        vectors: [count, width], those to begin with; what is NaN begins at random. None: all at random.
        frozen: whether the table stays as it is, what began at random included.

    Raises:
        ShapeError: vectors of another shape.
    """

    def __init__(self, count: int, width: int, vectors: Array | None = None, frozen: bool = False) -> None:
        if vectors is not None and vectors.shape != (count, width):
            raise _core.ShapeError(f"vectors have shape {list(vectors.shape)}, expected {[count, width]}")
        self._given = None if vectors is None else np.asarray(vectors, np.float32)
        super().__init__(count, width)
        self.weight.requires_grad = not frozen

    def reset_parameters(self, random: np.random.Generator) -> None:
        """The given values; the others uniform, with variance 1 / width."""
        bound = (3 / self.weight.data.shape[1]) ** 0.5
        self.weight.data[...] = random.uniform(-bound, bound, self.weight.data.shape)
        if self._given is not None:
            self.weight.data[...] = np.where(np.isnan(self._given), self.weight.data, self._given)


class WordEncoder(nn.Module):
    """[vector of the word; max over places of a convolution over its characters].

    The characters of a word are looked at once, however often it occurs in a batch: `spellings` says which spelling
    stands where.

    Args:
        options: sizes.
        vectors: see `WordVectorTable`.
        frozen: see `WordVectorTable`.

    Source:
        Ma, Hovy, "End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq.models import WordEncoder, WordOptions
        >>> encoder = WordEncoder(WordOptions(words=10, word_size=4, characters=20, filters=3))
        >>> tokens, letters = np.array([[1, 2, 1]]), np.array([[5, 6, 7], [8, 9, 0]])
        >>> encoder(tokens, letters, np.array([3, 2]), np.array([[0, 1, 0]])).shape
        (1, 3, 7)
    """

    def __init__(self, options: WordOptions, vectors: Array | None = None, frozen: bool = False) -> None:
        self.words = WordVectorTable(options.words, options.word_size, vectors, frozen)
        if options.characters:
            self.characters = nn.Embedding(options.characters, options.character_size)
            self.convolution = nn.Conv1d(options.character_size, options.filters, options.kernel, padding="same")
        self.has_characters = options.characters > 0

    def forward(
        self,
        tokens: Tensor,
        letters: Tensor | None = None,
        letters_lengths: Tensor | None = None,
        spellings: Tensor | None = None,
    ) -> Tensor:
        """Ids of words to vectors.

        Args:
            tokens: [batch, time], ids of words.
            letters: [spellings, characters], ids of the characters of each spelling.
            letters_lengths: [spellings].
            spellings: [batch, time], the row of `letters` that a word is spelled as.

        Returns:
            [batch, time, size].
        """
        vectors: Tensor = self.words(tokens)
        if not self.has_characters:
            return vectors
        assert letters is not None
        assert spellings is not None
        seen = self.convolution(self.characters(letters), letters_lengths)
        features = ops.max(seen, axis=1, lengths=letters_lengths)
        words: Tensor = ops.concat(vectors, ops.embedding(spellings, features))
        return words
