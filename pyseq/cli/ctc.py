"""``pyseq ctc ...``: decodes and aligns saved log-probabilities, stores language models in their binary form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import pyseq
from pyseq import ctc

app = typer.Typer(help="Labels of frames: log-probabilities [time, classes] in .npy files.", no_args_is_help=True)

Frames = Annotated[list[Path], typer.Argument(help="Log-probabilities [time, classes], a .npy file per utterance.")]
Tokens = Annotated[
    Path, typer.Option(help="The text of a class per line; '<space>' is the space between words, the blank's is free.")
]
Blank = Annotated[int, typer.Option(min=0, help="The class that stands for no label.")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON object per utterance, with times and confidences.")]
FrameSeconds = Annotated[float | None, typer.Option(help="Seconds per frame: times are printed in seconds.")]


@app.command("decode")
def decode(
    files: Frames,
    tokens: Tokens,
    blank: Blank = 0,
    language_model: Annotated[Path | None, typer.Option(help="ARPA file, or its binary form.")] = None,
    language_unit: Annotated[str, typer.Option(help="What the model's words are: word or token.")] = "word",
    lexicon: Annotated[Path | None, typer.Option(help="A word per line: no others are written.")] = None,
    hot_word: Annotated[list[str] | None, typer.Option(help="PHRASE=BOOST; may be repeated.")] = None,
    beam_size: Annotated[int, typer.Option(min=1, help="Hypotheses that are kept.")] = 16,
    n_best: Annotated[int, typer.Option(min=1, help="Hypotheses that are printed.")] = 1,
    alpha: Annotated[float, typer.Option(help="Weight of the language model.")] = 0.5,
    beta: Annotated[float, typer.Option(help="What each word adds to the score.")] = 0.0,
    blank_penalty: Annotated[float, typer.Option(help="Subtracted from the blank's log-probability.")] = 0.0,
    frame_seconds: FrameSeconds = None,
    as_json: AsJson = False,
) -> None:
    """Write the likeliest texts, a line each."""
    decoder = ctc.Decoder(
        read_tokens(tokens),
        blank=blank,
        language_model=language_model,
        language_unit=language_unit,
        lexicon=None if lexicon is None else lexicon.read_text(encoding="utf-8").split(),
        hot_words=dict(map(hot_phrase, hot_word or [])),
        beam_size=beam_size,
        n_best=n_best,
        alpha=alpha,
        beta=beta,
        blank_penalty=blank_penalty,
    )
    for file in files:
        hypotheses = decoder.decode(read_frames(file))
        if as_json:
            print(json.dumps({"file": str(file), "hypotheses": [described(h, frame_seconds) for h in hypotheses]}))
        else:
            print("\n".join(h.text for h in hypotheses))


@app.command("align")
def align(
    file: Annotated[Path, typer.Argument(help="Log-probabilities [time, classes], a .npy file.")],
    text: Annotated[str, typer.Argument(help="What was said.")],
    tokens: Tokens,
    blank: Blank = 0,
    pause: Annotated[int, typer.Option(min=1, help="Frames without a word that end a segment.")] = 50,
    frame_seconds: FrameSeconds = None,
    as_json: AsJson = False,
) -> None:
    """Find when each word of a known text was said: start, end, confidence and the word, a line per word."""
    decoder, log_probs = ctc.Decoder(read_tokens(tokens), blank=blank), read_frames(file)
    labels = decoder.spell(text)
    if labels is None:
        raise pyseq.ArgumentError(f"ctc align: {tokens} has no tokens that spell {text!r}")
    alignment = ctc.align(log_probs[None], np.array([labels], np.int64).reshape(1, -1), blank=blank)[0]
    words = ctc.words(alignment, decoder.separator)
    rows = [
        {"text": "".join(decoder.tokens[n] for n in labels[w.first : w.last]), **times(w, frame_seconds)} for w in words
    ]
    if as_json:
        segments = [times(segment, frame_seconds) for segment in ctc.segments(alignment, words, pause)]
        print(json.dumps({"log_prob": alignment.log_prob, "words": rows, "segments": segments}))
    else:
        for row in rows:
            print(f"{row['start']:g}\t{row['end']:g}\t{row['confidence']:.4f}\t{row['text']}")


@app.command("ngrams")
def ngrams(
    texts: Annotated[list[Path], typer.Argument(help="Files with a sentence per line.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The ARPA file to write.")],
    order: Annotated[int, typer.Option(min=1, help="Words of the longest n-grams.")] = 3,
) -> None:
    """Make a language model from text (Kneser-Ney), as an ARPA file."""
    lines = [line for file in texts for line in file.read_text(encoding="utf-8").splitlines()]
    output.write_text(ctc.estimate(lines, order), encoding="utf-8")


@app.command("compile")
def compile_model(
    model: Annotated[Path, typer.Argument(help="An ARPA file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
) -> None:
    """Write a language model in the binary form, which opens at once by mapping."""
    ngrams = ctc.NgramModel(model)
    ngrams.save(output)
    print(f"{output}: {', '.join(f'{count:,} {n}-grams' for n, count in enumerate(ngrams.counts, 1))}")


def read_tokens(file: Path) -> list[str]:
    """The texts of classes."""
    lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [" " if line == "<space>" else line for line in lines]


def read_frames(file: Path) -> Any:
    """Log-probabilities [time, classes] float32."""
    try:
        frames = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise pyseq.FormatError(f"'{file}' is no .npy file that can be read: {error}") from error
    if not isinstance(frames, np.ndarray) or frames.ndim != 2 or frames.dtype.kind != "f":
        raise pyseq.FormatError(f"'{file}' has no array [time, classes] of floating-point numbers")
    return np.ascontiguousarray(frames, np.float32)


def hot_phrase(text: str) -> tuple[str, float]:
    """PHRASE=BOOST."""
    phrase, _, boost = text.rpartition("=")
    try:
        return phrase, float(boost)
    except ValueError:
        raise pyseq.ArgumentError(f"ctc decode: hot word is '{text}', expected PHRASE=BOOST") from None


def times(span: ctc.Span, frame_seconds: float | None) -> dict[str, Any]:
    """Start, end and confidence."""
    scale = 1 if frame_seconds is None else frame_seconds
    return {"start": span.start * scale, "end": span.end * scale, "confidence": span.confidence}


def described(hypothesis: ctc.Hypothesis, frame_seconds: float | None) -> dict[str, Any]:
    """A hypothesis for JSON."""
    return {
        "text": hypothesis.text,
        "score": hypothesis.score,
        "log_prob": hypothesis.log_prob,
        "words": [{"text": word.text, **times(word, frame_seconds)} for word in hypothesis.words],
    }
