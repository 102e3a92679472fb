"""The grapheme-to-phoneme model of the package g2p-en: `checkpoint20.npz`, a GRU encoder-decoder."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pyseq import _core
from pyseq.exporting import export
from pyseq.models import RecurrentEncoderDecoder
from pyseq.program import Program
from pyseq.text import Vocabulary

Array = NDArray[Any]

DESCRIPTION = "g2p-en folder or file (checkpoint20.npz)"
CHECKPOINT = "checkpoint20.npz"
MAX_BYTES = 1 << 28  # of all arrays, unpacked; the checkpoint has 4 MB
MAX_PHONEMES = 20

GRAPHEMES = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
# ARPAbet: vowels with their stress (none, primary, secondary), consonants, and one stray vowel without.
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N"),
    *("NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)
STRESSED = [vowel + stress for vowel in VOWELS for stress in "012"]
PHONEMES = ["<pad>", "<unk>", "<s>", "</s>", *sorted([*STRESSED, *CONSONANTS, "UW"])]
NAMES = {
    "enc_emb": "source_embedding.weight",
    "dec_emb": "target_embedding.weight",
    "fc_w": "projection.weight",
    "fc_b": "projection.bias",
    **{
        f"{theirs}_{part[0]}_{product}": f"{ours}.{part}_{product}_l0"
        for theirs, ours in (("enc", "encoder"), ("dec", "decoder"))
        for part in ("weight", "bias")
        for product in ("ih", "hh")
    },
}


def recognises(path: Path) -> bool:
    """Whether the path is the checkpoint or a folder with it."""
    return path.is_file() if path.name == CHECKPOINT else (path / CHECKPOINT).is_file()


def convert(path: Path) -> Program:
    """The checkpoint as a program with the task "translator": letters in, phonemes out.

    Raises:
        FormatError: the file is damaged, or its arrays are missing, unexpected or of other shapes (all are listed).
    """
    file = path if path.name == CHECKPOINT else path / CHECKPOINT
    model = build_model(file, read_arrays(file))
    source = Vocabulary(GRAPHEMES, "character", GRAPHEMES.index("<unk>"))
    target = Vocabulary(PHONEMES, "word", PHONEMES.index("<unk>"))
    content = export(
        model,
        None,
        {
            "encode": {"tokens": np.arange(8).reshape(2, 4), "lengths": np.array([4, 2])},
            "step": {"tokens": np.array([[2], [5]])},
        },
        task={
            "kind": "translator",
            "source_vocabulary": "source",
            "target_vocabulary": "target",
            "source_suffix": [source.id("</s>")],
            "start": target.id("<s>"),
            "end": target.id("</s>"),
            "max_length": MAX_PHONEMES,
            "attention": None,
        },
        vocabularies={"source": source, "target": target},
    )
    return Program.parse(content)


def build_model(file: Path, arrays: dict[str, Array]) -> RecurrentEncoderDecoder:
    """The model with its weights."""
    embedding, hidden = (
        arrays[name].shape[-1] if np.ndim(arrays.get(name, 0)) else 0 for name in ("enc_emb", "enc_w_hh")
    )
    expected = expected_shapes(embedding, hidden)
    misfits = [
        f"{name} {list(array.shape)}, expected {list(expected[name])}"
        for name, array in arrays.items()
        if name in expected and array.shape != expected[name]
    ]
    problems = [
        f"{title}: {', '.join(names)}"
        for title, names in (
            ("missing", [name for name in expected if name not in arrays]),
            ("unexpected", [name for name in arrays if name not in expected]),
            ("of another shape", misfits),
        )
        if names
    ]
    if problems:  # before anything of these sizes is made
        raise _core.FormatError(f"{file}: {'; '.join(problems)}")
    model = RecurrentEncoderDecoder(len(GRAPHEMES), len(PHONEMES), embedding, hidden)
    model.load_state_dict({NAMES[name]: array for name, array in arrays.items()})
    return model


def expected_shapes(embedding: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Arrays of a checkpoint with these sizes."""
    shapes: dict[str, tuple[int, ...]] = {
        "enc_emb": (len(GRAPHEMES), embedding),
        "dec_emb": (len(PHONEMES), embedding),
        "fc_w": (len(PHONEMES), hidden),
        "fc_b": (len(PHONEMES),),
    }
    for side in ("enc", "dec"):
        shapes |= {f"{side}_w_ih": (3 * hidden, embedding), f"{side}_w_hh": (3 * hidden, hidden)}
        shapes |= {f"{side}_b_ih": (3 * hidden,), f"{side}_b_hh": (3 * hidden,)}
    return shapes


def read_arrays(file: Path) -> dict[str, Array]:
    """All arrays of an .npz file, which is not trusted: no pickles, sizes checked before anything is allocated."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > MAX_BYTES:
                raise _core.FormatError(f"{file}: {total} bytes unpacked, expected at most {MAX_BYTES}")
            return {m.filename.removesuffix(".npy"): _read_array(file, archive, m) for m in members}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise _core.FormatError(f"{file}: not an .npz file: {error}") from None


def _read_array(file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    with archive.open(member) as stream:
        try:
            read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(stream)]
            shape, fortran_order, dtype = read_header(stream)
        except (ValueError, KeyError) as error:
            raise _core.FormatError(f"{file}: {member.filename}: not an array: {error}") from None
        if dtype != np.float32 or fortran_order or len(shape) > 2 or min(shape, default=0) < 0:
            raise _core.FormatError(f"{file}: {member.filename}: {dtype} {shape}, expected float32 in C order")
        content = stream.read()
    expected = dtype.itemsize
    for size in shape:  # Python's integers do not overflow
        expected *= size
    if len(content) != expected:
        raise _core.FormatError(f"{file}: {member.filename}: {len(content)} bytes, but shape {shape} takes {expected}")
    return np.frombuffer(content, dtype).reshape(shape)
