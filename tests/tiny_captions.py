"""A picture set that tests write themselves: coloured squares in corners, with names that say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import pyseq
from pyseq.models import CaptionOptions, ShowAndTell, ShowAttendTell
from pyseq.tasks import Captioner
from pyseq.text import Vocabulary

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 220)}
PLACES = {"above": (0, slice(None)), "below": (8, slice(None)), "left": (slice(None), 0), "right": (slice(None), 8)}
WORDS = Vocabulary(["<s>", "</s>", "<unk>", *COLOURS, *PLACES], unit="word", unknown=2)
SIZE = (16, 16, 3)


def picture(colour: str, place: str) -> Any:
    """One half of a white picture in a colour."""
    image = np.full(SIZE, 255, np.uint8)
    rows = {"above": slice(0, 8), "below": slice(8, 16)}.get(place, slice(0, 16))
    columns = {"left": slice(0, 8), "right": slice(8, 16)}.get(place, slice(0, 16))
    image[rows, columns] = COLOURS[colour]
    return image


def write_pictures(folder: Path, copies: int = 6) -> Path:
    """All of them, a few times, with a little noise; half of the codes have two parts."""
    random = np.random.default_rng(0)
    names = [f"{colour} {place}" for colour in COLOURS for place in PLACES] * copies
    images = np.stack([picture(*name.split()) for name in names]).astype(np.int64)
    noisy = np.clip(images + random.integers(-9, 10, images.shape), 0, 255).astype(np.uint8)
    codes = ["1f600 200d" if number % 2 else "1f600" for number in range(len(names))]
    np.savez(folder / "train.npz", image=noisy, name=np.array(names), code=np.array(codes))
    return folder


def options(**changes: Any) -> CaptionOptions:
    sizes = {"channels": (4, 6), "depth": 1, "embedding_size": 5, "hidden_size": 8, "attention_size": 6}
    return CaptionOptions(len(WORDS), **(sizes | changes))


def write_captioner(attend: bool = True, **task: Any) -> Captioner:
    """A captioner with random weights."""
    module = (ShowAttendTell if attend else ShowAndTell)(options()).initialize(3)
    complete = {"kind": "captioner", "vocabulary": "text", "image": list(SIZE), "start": 0, "end": 1, "max_length": 5}
    if attend:
        complete.update(attention={"output": "attention"}, grid=[4, 4])
    images = np.random.default_rng(1).random((2, *SIZE), dtype=np.float32)
    examples = {
        "encode": {"images": pyseq.Input(images, dims=("batch", *SIZE))},
        "step": {"tokens": np.zeros((2, 1), np.int64)},
    }
    data = pyseq.export(module, None, examples, task=complete | task, vocabularies={"text": WORDS})
    return Captioner(pyseq.Program.parse(data))
