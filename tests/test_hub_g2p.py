"""The g2p-en checkpoint: the installed package judges; tiny checkpoints stand in for it."""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
import types
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference
import reference_recurrent
from conftest import skip_or_fail
from model_folders import g2p_arrays, loading_problem

import pyseq
from pyseq.hub.g2p import GRAPHEMES, MAX_PHONEMES, PHONEMES

WORDS = ["hello", "activationist", "zebra", "a", "it's", "naïve", "rhythm", "qat", "x" * 40]


def write_checkpoint(folder: Path, arrays: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez(folder / "checkpoint20.npz", **arrays)
    return folder


def slow_prediction(arrays: dict[str, np.ndarray], word: str) -> list[str]:
    """Greedy decoding in float64, a letter and a phoneme at a time."""

    def step(side: str, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        weights = {name: arrays[f"{side}_{name}"] for name in ("w_ih", "w_hh", "b_ih", "b_hh")}
        return reference_recurrent.recurrent("gru", x[None, None], h0=h[None], **weights)[1][0]

    h = np.zeros(arrays["enc_w_hh"].shape[1])
    for letter in [*word, "</s>"]:
        h = step("enc", arrays["enc_emb"][GRAPHEMES.index(letter if letter in GRAPHEMES else "<unk>")], h)
    previous, phonemes = PHONEMES.index("<s>"), []
    for _ in range(MAX_PHONEMES):
        h = step("dec", arrays["dec_emb"][previous], h)
        previous = int(reference.linear(h, arrays["fc_w"], arrays["fc_b"]).argmax())
        if previous == PHONEMES.index("</s>"):
            break
        phonemes.append(PHONEMES[previous])
    return phonemes


def test_a_checkpoint_speaks_like_its_slow_restatement(tmp_path: Path) -> None:
    arrays = g2p_arrays()
    folder = write_checkpoint(tmp_path / "g2p", arrays)
    for path in (folder, folder / "checkpoint20.npz"):
        translations = pyseq.load(path).translate_batch(WORDS)
        for word, (hypothesis,) in zip(WORDS, translations, strict=True):
            assert hypothesis.tokens == slow_prediction(arrays, word)
            assert hypothesis.text == " ".join(hypothesis.tokens)


def test_all_misfits_are_listed(tmp_path: Path) -> None:
    arrays = g2p_arrays() | {"extra": np.ones(2, np.float32), "fc_b": np.ones(3, np.float32)}
    del arrays["dec_w_ih"]
    with pytest.raises(pyseq.FormatError) as caught:
        pyseq.load(write_checkpoint(tmp_path / "g2p", arrays))
    for part in ("missing: dec_w_ih", "unexpected: extra", "fc_b [3], expected [74]"):
        assert part in str(caught.value)


def test_numbers_in_place_of_arrays_are_misfits(tmp_path: Path) -> None:
    arrays = dict.fromkeys(g2p_arrays(), np.float32(1))
    with pytest.raises(pyseq.FormatError, match=r"of another shape: enc_emb \[\], expected \[29, 0\]"):
        pyseq.load(write_checkpoint(tmp_path / "g2p", arrays))


def zip_of(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def npy(header: str, content: bytes = b"") -> bytes:
    padded = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode() + content


def header_of(dtype: str, shape: str) -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"


ATTACKS = {
    "not_a_zip": (b"PK\x03\x04 nothing", "not an .npz file"),
    "empty": (b"", "not an .npz file"),
    "pickle": (zip_of({"a.npy": npy(header_of("|O", "(1,)"), b"cos\nsystem\n")}), "expected float32"),
    "not_an_array": (zip_of({"a.npy": b"hello"}), "not an array"),
    "header": (zip_of({"a.npy": npy("{'descr': __import__('os')}")}), "not an array"),
    "huge_shape": (zip_of({"a.npy": npy(header_of("<f4", "(1000000000, 1000000000)"))}), "0 bytes, but shape"),
    "negative_shape": (zip_of({"a.npy": npy(header_of("<f4", "(-1, -4)"), bytes(16))}), "expected float32"),
    "short": (zip_of({"a.npy": npy(header_of("<f4", "(4,)"), bytes(15))}), "15 bytes, but shape"),
    "rank": (zip_of({"a.npy": npy(header_of("<f4", "(1, 1, 1)"), bytes(4))}), "expected float32 in C order"),
    "bomb": (zip_of({f"{n}.npy": bytes(1 << 27) for n in range(3)}), "expected at most"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_checkpoints_are_refused(tmp_path: Path, attack: str) -> None:
    content, message = ATTACKS[attack]
    (tmp_path / "checkpoint20.npz").write_bytes(content)
    with pytest.raises(pyseq.FormatError, match=message):
        pyseq.load(tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_never_gives_anything_but_an_error_of_ours(tmp_path: Path, seed: int) -> None:
    folder = write_checkpoint(tmp_path / "g2p", g2p_arrays(hidden=2, embedding=2))
    file = folder / "checkpoint20.npz"
    random, content = np.random.default_rng(seed), bytearray(file.read_bytes())
    for _ in range(8):
        content[int(random.integers(0, len(content)))] = int(random.integers(0, 256))
    file.write_bytes(content)
    problem = loading_problem(folder)
    assert problem is None or str(file) in problem


# The real checkpoint.


def installed_g2p(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """The package's own object and folder, with empty stand-ins for what only other parts of it need."""
    spec = importlib.util.find_spec("g2p_en")
    if spec is None:
        skip_or_fail("the package g2p-en is not installed (pip install --no-deps g2p-en)")
    assert spec is not None
    assert spec.submodule_search_locations is not None

    def stand_in(name: str, **attributes: Any) -> types.ModuleType:
        module = types.ModuleType(name)
        for key, value in attributes.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    class Tokenizer:
        tokenize = staticmethod(str.split)

    class Engine:
        pass

    data = types.SimpleNamespace(find=lambda path: path)
    cmudict = types.SimpleNamespace(dict=dict)
    stand_in("nltk", pos_tag=None, data=data, download=None)
    stand_in("nltk.corpus", cmudict=cmudict)
    stand_in("nltk.tokenize", TweetTokenizer=Tokenizer)
    stand_in("inflect", engine=Engine)
    package = stand_in("g2p_en")
    package.__path__ = list(spec.submodule_search_locations)
    for name in ("g2p_en.expand", "g2p_en.g2p"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its escapes and unclosed files are not ours
        module = importlib.import_module("g2p_en.g2p")
        return module.G2p(), Path(str(module.__file__)).parent


def made_up_words(count: int) -> list[str]:
    """Pronounceable words of one to five syllables."""
    random = np.random.default_rng(2026)
    onsets = ["b", "c", "d", "f", "g", "h", "j", "l", "m", "n", "p", "qu", "r", "sh", "str", "th", "v", "wh", "y", "bl"]
    nuclei = ["a", "e", "i", "o", "u", "ai", "ea", "ee", "ie", "oa", "oo", "ou", "y"]
    codas = ["", "", "b", "ck", "d", "ft", "ght", "l", "m", "nd", "ng", "p", "r", "s", "st", "t", "x", "'s", "e"]

    def word() -> str:
        syllables = int(random.integers(1, 6))
        return "".join(str(random.choice(part)) for _ in range(syllables) for part in (onsets, nuclei, codas))

    return [word() for _ in range(count)]


REAL_WORDS = """
pyseq tensor transformer beam search kernel vector gradient softmax attention activationist refuse thorough colonel
queue rhythm psychology wednesday yacht zephyr supercalifragilisticexpialidocious antidisestablishmentarianism a i x
"""


def test_200_words_sound_as_the_package_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    judge, folder = installed_g2p(monkeypatch)
    real = REAL_WORDS.split()
    words = real + made_up_words(200 - len(real))
    assert len(words) == 200
    assert judge.graphemes == GRAPHEMES
    assert judge.phonemes == PHONEMES
    translations = pyseq.load(folder).translate_batch(words)
    for word, (hypothesis,) in zip(words, translations, strict=True):
        assert hypothesis.tokens == judge.predict(word), word
