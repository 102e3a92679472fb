"""Sounds as pages: what a recognizer heard when, and when a trigger word was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq.viz.png import data_uri
from pyseq.viz.spectrogram import DYNAMIC_RANGE, spectrogram

Array = NDArray[Any]

PIXELS_PER_SECOND, NARROWEST, WIDEST = 240, 640, 6000
MARGIN, WAVE, BOX, ROW, HEAT, CURVE = 56, 90, 26, 16, 160, 120  # pixels
SHOWN = 0.05  # tokens that are never this likely are left out
MOST_TOKENS = 40
INK = (20, 70, 160)  # of a probability of 1

STYLE = """
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
h2 { font-size: 1.1rem; font-weight: 600; margin: 2rem 0 .5rem; }
.sound { overflow-x: auto; }
svg { display: block; font: 12px ui-monospace, monospace; }
image { image-rendering: pixelated; }
.wave { fill: #7a8699; }
.word rect { fill: #e8effb; stroke: #1446a0; }
.path { fill: none; stroke: #c0392b; stroke-width: 1.5; }
.label { text-anchor: end; dominant-baseline: middle; }
.middle { text-anchor: middle; dominant-baseline: middle; }
.axis { stroke: #bbb; }
.threshold { stroke: #c0392b; stroke-dasharray: 4 3; }
.curve { fill: none; stroke: #1446a0; stroke-width: 1.5; }
.event { stroke: #c0392b; stroke-width: 2; }
.note { color: #666; font-size: .9rem; }
"""


@dataclass(frozen=True)
class SpeechMap:
    """What a recognizer heard in one sound.

    Attributes:
        title: the transcript, for instance.
        samples: [time] float32.
        rate: samples per second.
        log_probs: [frames, tokens], logarithms of probabilities.
        tokens: their texts.
        frame_seconds: seconds of a frame.
        words: text, start and end in seconds, and confidence of each.
        blank: the token of no label.
    """

    title: str
    samples: Array
    rate: int
    log_probs: Array
    tokens: Sequence[str]
    frame_seconds: float
    words: Sequence[tuple[str, float, float, float]]
    blank: int = 0


@dataclass(frozen=True)
class TriggerMap:
    """When a trigger word was heard in one sound.

    Attributes:
        title: the word, for instance.
        samples: [time] float32.
        rate: samples per second.
        probabilities: [steps].
        step_seconds: seconds of a step.
        threshold: least probability of an event.
        events: seconds of each.
    """

    title: str
    samples: Array
    rate: int
    probabilities: Array
    step_seconds: float
    threshold: float
    events: Sequence[float]


def speech_page(maps: Sequence[SpeechMap], title: str = "Speech: what was heard when") -> str:
    """A page that needs nothing else: waveform with boxes of words, and under it posteriors with the collapsed path.

    Args:
        maps: what to show.
        title: of the page.

    Returns:
        the HTML text.

    Raises:
        ValueError: log_probs without a column for every token.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import SpeechMap, speech_page
        >>> log_probs = np.log(np.array([[0.9, 0.1], [0.2, 0.8]]))
        >>> item = SpeechMap("a", np.zeros(800, np.float32), 8000, log_probs, ["-", "a"], 0.05, [("a", 0.05, 0.1, 0.8)])
        >>> speech_page([item]).count('class="word"')
        1
    """
    note = (
        "The darker a place, the likelier its token. The red line goes along the likeliest tokens; where it is merged "
        "and blanks are removed, the tokens above it are left."
    )
    return _page(title, note, "\n".join(map(_speech_section, maps)))


def trigger_page(maps: Sequence[TriggerMap], title: str = "Trigger word: when it was heard") -> str:
    """A page that needs nothing else: the spectrogram, and under it the probability, threshold and events.

    Args:
        maps: what to show.
        title: of the page.

    Returns:
        the HTML text.

    Example:
        >>> import numpy as np
        >>> from pyseq.viz import TriggerMap, trigger_page
        >>> item = TriggerMap("seven", np.zeros(800, np.float32), 8000, np.array([0.1, 0.9]), 0.05, 0.5, [0.1])
        >>> trigger_page([item]).count('class="event"')
        1
    """
    note = (
        "Above: mel spectrogram. Below: how likely it is that the word has just been said; red: threshold and events."
    )
    return _page(title, note, "\n".join(map(_trigger_section, maps)))


def _page(title: str, note: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        f'<p class="note">{escape(note)}</p>\n{body}\n</body>\n</html>\n'
    )


def _section(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    label = escape(title, quote=True)
    svg = f'<svg width="{width + MARGIN + 8:.0f}" height="{height:.0f}" role="img" aria-label="{label}">'
    return f'<section><h2>{escape(title)}</h2><div class="sound">{svg}{"".join(parts)}</svg></div></section>'


def _width(samples: Array, rate: int) -> float:
    return float(np.clip(len(samples) / rate * PIXELS_PER_SECOND, NARROWEST, WIDEST))


def _speech_section(item: SpeechMap) -> str:
    if item.log_probs.ndim != 2 or item.log_probs.shape[1] != len(item.tokens):
        raise ValueError(f"speech_page: log_probs {list(item.log_probs.shape)}, expected [frames, {len(item.tokens)}]")
    seconds, width = len(item.samples) / item.rate, _width(item.samples, item.rate)
    scale = width / max(seconds, 1e-9)
    shares = np.exp(np.asarray(item.log_probs, np.float64))
    best = shares.argmax(1)
    rows = _shown_tokens(shares, best, item.blank)
    top = WAVE + BOX + 28
    parts = [_wave(item.samples, width), *(_word(word, scale) for word in item.words)]
    parts += [_heat(shares[:, rows].T, top, item.frame_seconds * len(shares) * scale, ROW * len(rows))]
    for place, token in enumerate(rows):
        text = "␣" if item.tokens[token] == " " else item.tokens[token]
        parts.append(f'<text class="label" x="{MARGIN - 6}" y="{top + ROW * (place + 0.5):.1f}">{escape(text)}</text>')
    parts += _path(item, best, rows, top, scale)
    height = top + ROW * len(rows)
    parts += _clock(seconds, scale, height)
    return _section(item.title, width, height + 22, parts)


def _shown_tokens(shares: Array, best: Array, blank: int) -> list[int]:
    """The blank, then the likeliest tokens in their own order."""
    highest = shares.max(0, initial=0)
    ranked = [int(t) for t in np.argsort(-highest, kind="stable") if highest[t] >= SHOWN or t in best]
    kept = {*ranked[:MOST_TOKENS], *map(int, best)} - {blank}
    return [blank, *sorted(kept)]


def _path(item: SpeechMap, best: Array, rows: list[int], top: float, scale: float) -> list[str]:
    """The line along the likeliest tokens, and what is left of them."""
    step, places = item.frame_seconds * scale, {token: place for place, token in enumerate(rows)}
    points, labels, before = [], [], -1
    for frame, token in enumerate(best.tolist()):
        x, y = MARGIN + (frame + 0.5) * step, top + ROW * (places[token] + 0.5)
        points.append(f"{x:.1f},{y:.1f}")
        if token not in (before, item.blank):
            text = "␣" if item.tokens[token] == " " else item.tokens[token]
            labels.append(f'<text class="middle collapsed" x="{x:.1f}" y="{top - 10}">{escape(text)}</text>')
        before = token
    return [f'<polyline class="path" points="{" ".join(points)}"/>', *labels]


def _word(word: tuple[str, float, float, float], scale: float) -> str:
    text, start, end, confidence = word
    x, width = MARGIN + start * scale, max((end - start) * scale, 2)
    return (
        f'<g class="word"><title>{escape(text)}: {start:.2f} to {end:.2f} s, {confidence:.0%}</title>'
        f'<rect x="{x:.1f}" y="{WAVE + 2}" width="{width:.1f}" height="{BOX - 4}" rx="3"/>'
        f'<text class="middle" x="{x + width / 2:.1f}" y="{WAVE + BOX / 2}">{escape(text)}</text></g>'
    )


def _wave(samples: Array, width: float) -> str:
    """The outline of a waveform: largest and smallest sample of every pixel."""
    columns = int(min(width, max(len(samples), 1)))
    pieces = np.array_split(np.asarray(samples, np.float64) if len(samples) else np.zeros(1), columns)
    high, low = np.array([piece.max() for piece in pieces]), np.array([piece.min() for piece in pieces])
    reach = max(float(np.abs([high, low]).max()), 1e-9)
    xs = MARGIN + (np.arange(columns) + 0.5) * width / columns
    upper = [f"{x:.1f},{WAVE / 2 * (1 - y / reach):.1f}" for x, y in zip(xs, high, strict=True)]
    lower = [f"{x:.1f},{WAVE / 2 * (1 - y / reach):.1f}" for x, y in zip(xs[::-1], low[::-1], strict=True)]
    return f'<polygon class="wave" points="{" ".join(upper + lower)}"/>'


def _heat(shares: Array, top: float, width: float, height: float) -> str:
    """[rows, columns] from 0 (white) to 1 (ink) as a picture."""
    strength = np.clip(shares, 0, 1)[..., None]
    pixels = (255 + strength * (np.array(INK) - 255)).astype(np.uint8)
    return (
        f'<image x="{MARGIN}" y="{top}" width="{width:.1f}" height="{height}" preserveAspectRatio="none" '
        f'href="{data_uri(np.ascontiguousarray(pixels))}"/>'
    )


def _clock(seconds: float, scale: float, top: float) -> list[str]:
    """Marks at whole seconds, or at tenths of short sounds."""
    step = 1.0 if seconds > 2 else 0.1
    marks = []
    for number in range(int(seconds / step) + 1):
        x = MARGIN + number * step * scale
        marks.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 5}"/>')
        marks.append(f'<text class="middle" x="{x:.1f}" y="{top + 14}">{number * step:g}</text>')
    return marks


def _trigger_section(item: TriggerMap) -> str:
    seconds, width = len(item.samples) / item.rate, _width(item.samples, item.rate)
    scale = width / max(seconds, 1e-9)
    decibels = spectrogram(np.asarray(item.samples, np.float32), item.rate, mel=40)
    parts = [_heat(1 + decibels.T[::-1] / DYNAMIC_RANGE, 0, width, HEAT)]
    top, bottom = HEAT + 10, HEAT + 10 + CURVE
    points = " ".join(
        f"{MARGIN + (step + 1) * item.step_seconds * scale:.1f},{bottom - CURVE * float(p):.1f}"
        for step, p in enumerate(item.probabilities)
    )
    level = bottom - CURVE * item.threshold
    parts.append(f'<line class="threshold" x1="{MARGIN}" x2="{MARGIN + width:.1f}" y1="{level:.1f}" y2="{level:.1f}"/>')
    parts.append(f'<polyline class="curve" points="{points}"/>')
    for value in (0, 1):
        parts.append(f'<text class="label" x="{MARGIN - 6}" y="{bottom - CURVE * value}">{value}</text>')
    for event in item.events:
        x = MARGIN + event * scale
        parts.append(
            f'<line class="event" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}">'
            f"<title>{event:.2f} s</title></line>"
        )
    parts += _clock(seconds, scale, bottom)
    return _section(item.title, width, bottom + 22, parts)
