"""``pyseq transcribe FILE ... --model MODEL``: what is said in sound files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import pyseq
from pyseq import audio
from pyseq.cli.ctc import hot_phrase
from pyseq.tasks import SpeechRecognizer, Transcript
from pyseq.tasks.transcripts import FORMATS
from pyseq.viz import SpeechMap, speech_page


def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Sound files (WAV, FLAC, OGG).")],
    model: Annotated[Path, typer.Option(help="A model that recognizes speech (.safetensors, or a model folder).")],
    format: Annotated[str, typer.Option(help=f"What to write: {', '.join(FORMATS)}.")] = "text",
    output: Annotated[
        Path | None, typer.Option(help="A folder that gets a file for every sound (default: standard output).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page: waveform, words, and what the model heard in every frame.")
    ] = None,
    beam_size: Annotated[
        int | None,
        typer.Option(min=1, help="Search with this beam (default: the likeliest token of each frame, or 50)."),
    ] = None,
    language_model: Annotated[Path | None, typer.Option(help="An n-gram model over words: ARPA, or compiled.")] = None,
    lexicon: Annotated[Path | None, typer.Option(help="A word per line: no others are written.")] = None,
    hot_word: Annotated[list[str] | None, typer.Option(help="PHRASE=BOOST; may be repeated.")] = None,
    alpha: Annotated[float, typer.Option(help="Weight of the language model.")] = 0.5,
    beta: Annotated[float, typer.Option(help="What each word adds to the score.")] = 0.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads to use (default: CPUs usable).")] = None,
) -> None:
    """Write down what is said in sound files: text, subtitles (srt, vtt), or JSON with the times of words."""
    if format not in FORMATS:
        raise pyseq.ArgumentError(f"transcribe: --format is {format}, expected {', '.join(FORMATS)}")
    if threads is not None:
        pyseq.set_num_threads(threads)
    recognizer = pyseq.load(model)
    if not isinstance(recognizer, SpeechRecognizer):
        raise pyseq.ArgumentError(f"transcribe: {model} is a {type(recognizer).__name__}, expected a SpeechRecognizer")
    decoder = None
    if beam_size or language_model or lexicon or hot_word:
        decoder = recognizer.decoder(
            beam_size=beam_size or 50,
            language_model=language_model,
            lexicon=None if lexicon is None else lexicon.read_text(encoding="utf-8").split(),
            hot_words=dict(map(hot_phrase, hot_word or [])),
            alpha=alpha,
            beta=beta,
        )
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    maps = []
    for file in files:
        transcript = recognizer.transcribe(file, decoder)
        text = transcript.as_format(format)
        if html is not None:
            maps.append(map_of(recognizer, file, transcript))
        if output is None:
            print(text, end="", flush=True)
        else:
            (output / f"{file.stem}.{'txt' if format == 'text' else format}").write_text(text, encoding="utf-8")
    if html is not None:
        html.write_text(speech_page(maps), encoding="utf-8")


def map_of(recognizer: SpeechRecognizer, file: Path, transcript: Transcript) -> SpeechMap:
    """What the page shows of a sound."""
    sound = audio.read(file, recognizer.rate)
    vocabulary = recognizer.vocabulary
    return SpeechMap(
        f"{file.name}: {transcript.text}",
        sound.samples,
        sound.rate,
        recognizer.log_probs(sound),
        ["blank" if id == recognizer.blank else vocabulary.token(id) for id in range(len(vocabulary))],
        recognizer.frame_seconds,
        [(word.text, word.start, word.end, word.confidence) for word in transcript.words],
        recognizer.blank,
    )
