"""Continuous batching: many texts written at the same time by one language model, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from pyseq import _core
from pyseq.tasks.drawing import DrawingOptions, drawing_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyseq.tasks.generator import Generator


class GenerationRequest:
    """One text while it is being written. Made by `GenerationService.submit`; iterate over its pieces, or take `text`.

    Usable from many threads; every piece is given to one of them.
    """

    def __init__(self, prompt: str, core: _core.GenerationRequest, pieces: Iterator[str]) -> None:
        self.prompt = prompt
        self._core = core
        self._pieces = pieces
        self._lock = Lock()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """What the next token adds to the text, once it is written.

        Raises:
            CancelledError: `cancel` was called, or the service was closed. DeadlineError. ArgumentError: nothing that
                is allowed may follow. OutOfRangeError: the text is longer than the model can read.
        """
        with self._lock:
            return next(self._pieces)

    def text(self) -> str:
        """The prompt and all pieces that nobody has taken yet, when the last one is written. Raises as iteration."""
        return self.prompt + "".join(self)

    def cancel(self) -> None:
        """Give up its place before the next step. What is written already can still be had."""
        self._core.cancel()

    @property
    def done(self) -> bool:
        """Whether nothing more is written; pieces may still wait to be taken."""
        return self._core.done


class GenerationService:
    """Writes many texts at the same time. Made by `Generator.serve`; closes at the end of a `with` block.

    All texts are rows of one running batch. They join it when their prompt has been read and leave it when they are
    done, at the borders of its steps; a text is the one that `Generator.stream` writes, bit by bit, whatever is written
    beside it. Prompts that begin alike are read once: pages of 64 tokens are kept, the least recently used go first.

    Usable from many threads at once.

    Args:
        generator: the language model.
        max_rows: texts that are written at the same time; others wait for their turn.
        prompt_cache_bytes: what may be kept of prompts that were read; 0 for nothing.

    Raises:
        ArgumentError: impossible options. UnsupportedError: the system gives no thread.

    Source:
        Yu et al., "Orca" (OSDI 2022); Kwon et al., "Efficient memory management for large language model serving with
        PagedAttention" (SOSP 2023).
    """

    def __init__(self, generator: Generator, max_rows: int = 16, prompt_cache_bytes: int = 256 << 20) -> None:
        if prompt_cache_bytes < 0:
            raise _core.ArgumentError(f"serve: prompt_cache_bytes is {prompt_cache_bytes}, expected 0 or more")
        self._generator = generator
        self._core = _core.GenerationService(generator.core, max_rows=max_rows, prompt_cache_bytes=prompt_cache_bytes)

    def submit(
        self, prompt: str = "", *, deadline: float | None = None, **options: Unpack[DrawingOptions]
    ) -> GenerationRequest:
        """Put a text in the queue.

        Args:
            prompt: how it begins; may be empty where the model has a start mark.
            deadline: seconds after which it is given up, waiting included.
            options: see `pyseq.tasks.drawing.DrawingOptions`.

        Raises:
            ArgumentError: an impossible option, an empty prompt without a start mark, or a closed service.
                OutOfRangeError: a character or word that the model does not know.
        """
        chosen = drawing_options(options, self._generator.reader)
        core = self._core.submit(self._generator.prompt_text(prompt, "generate"), chosen, deadline)
        return GenerationRequest(prompt, core, self._generator.pieces(core))

    @property
    def statistics(self) -> dict[str, int]:
        """Counts of what the service does and has done.

        "waiting" and "running" requests; since the service began: "steps" of the running batch, "row_steps" (rows of
        all steps), "prompt_tokens_read" through the model, "prompt_tokens_reused" from the prompt cache; and
        "prompt_cache_bytes".
        """
        return self._core.statistics()

    def close(self) -> None:
        """End all requests that are not done, with `CancelledError`, and the service."""
        self._core.close()

    def __enter__(self) -> GenerationService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
