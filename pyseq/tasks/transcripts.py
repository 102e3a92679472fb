"""Transcripts: what was said, with the times of its words, as text, subtitles and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

FORMATS = ("text", "srt", "vtt", "json")
LONGEST_LINE = 42  # characters of a subtitle
LONGEST_SILENCE = 1.0  # seconds between words of one subtitle


@dataclass(frozen=True)
class Word:
    """A word, when it was said (in seconds), and how sure the model is of it (0 to 1)."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Transcript:
    """What was said.

    Example:
        >>> from pyseq.tasks import Transcript, Word
        >>> transcript = Transcript("to be", [Word("to", 0.1, 0.3, 0.9), Word("be", 0.4, 0.75, 0.8)])
        >>> print(transcript.as_format("srt"), end="")
        1
        00:00:00,100 --> 00:00:00,750
        to be
    """

    text: str
    words: list[Word] = field(default_factory=list)

    def as_format(self, name: str) -> str:
        """The transcript as "text", "srt" or "vtt" (subtitles), or "json" with the words and their times."""
        if name == "text":
            return f"{self.text}\n"
        if name == "json":
            return (
                json.dumps({"text": self.text, "words": [asdict(word) for word in self.words]}, ensure_ascii=False)
                + "\n"
            )
        comma = "," if name == "srt" else "."
        blocks = ["WEBVTT\n\n"] if name == "vtt" else []
        for number, line in enumerate(self.lines(), 1):
            times = f"{clock(line[0].start, comma)} --> {clock(line[-1].end, comma)}"
            title = f"{number}\n" if name == "srt" else ""
            blocks.append(f"{title}{times}\n{' '.join(word.text for word in line)}\n\n")
        return "".join(blocks)[:-1] if len(blocks) > 0 else ""

    def lines(self) -> list[list[Word]]:
        """Words that a subtitle shows together: no more than fit a line, and no long silence between them."""
        lines: list[list[Word]] = []
        for word in self.words:
            line = lines[-1] if lines else []
            width = sum(len(other.text) + 1 for other in line) + len(word.text)
            if line and width <= LONGEST_LINE and word.start - line[-1].end <= LONGEST_SILENCE:
                line.append(word)
            else:
                lines.append([word])
        return lines


def clock(seconds: float, comma: str) -> str:
    """Hours, minutes, seconds and thousandths."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{comma}{rest % 1000:03d}"


def words_of(tokens: Sequence[tuple[str, float, float, float]], separator: str | None) -> list[Word]:
    """Tokens (text, start, end, probability) put together to words: each one is a word, or separators stand between."""
    words: list[Word] = []
    group: list[tuple[str, float, float, float]] = []

    def close() -> None:
        if group:
            text = "".join(token[0] for token in group)
            product = 1.0
            for token in group:
                product *= token[3]
            words.append(Word(text, group[0][1], group[-1][2], product ** (1 / len(group))))
            group.clear()

    for token in tokens:
        if separator is not None and token[0] == separator:
            close()
            continue
        group.append(token)
        if separator is None:
            close()
    close()
    return words
