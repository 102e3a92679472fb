"""Captioner: captions of pictures, beside a search over the module's own functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_cli import output_of, pyseq_command
from tiny_captions import SIZE, WORDS, options, picture, write_captioner

import pyseq
from pyseq import decode
from pyseq.models import ShowAndTell
from pyseq.tasks import Captioner

PICTURES = np.stack([picture("red", "left"), picture("blue", "above"), picture("green", "below")])


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    return write_captioner()


def test_captions_are_those_of_the_module() -> None:
    module = ShowAndTell(options()).initialize(3).eval()
    state = module.encode(pyseq.Tensor(PICTURES.astype(np.float32) / np.float32(255)))
    expected = decode.search(
        decode.EagerStepModel(module, state), 3, start=0, end=1, beam_size=3, n_best=2, max_length=5
    )
    found = write_captioner(attend=False).caption_batch(PICTURES, beam_size=3, n_best=2)
    assert [[one.ids for one in several] for several in found] == [[one.ids for one in several] for several in expected]
    assert [[one.score for one in a] for a in found] == [[one.score for one in a] for a in expected]
    assert all(one.text == WORDS.decode(one.ids) for several in found for one in several)


def test_pictures_are_independent_and_bytes_are_floats(captioner: Captioner) -> None:
    many = np.concatenate([PICTURES] * 30)  # more than are decoded together
    found = captioner.caption_batch(many, beam_size=2)
    assert found[:3] * 30 == found
    assert captioner.caption_batch(PICTURES.astype(np.float32) / np.float32(255), beam_size=2) == found[:3]
    assert captioner.caption(PICTURES[1], beam_size=2) == found[1][0]
    assert captioner.caption_batch(PICTURES[:0]) == []


def test_attention_has_a_row_per_word(captioner: Captioner) -> None:
    best = captioner.caption(PICTURES[0], beam_size=3, return_attention=True)
    assert captioner.grid == (4, 4)
    assert best.attention is not None
    assert best.attention.shape == (len(best.tokens), 16)
    np.testing.assert_allclose(best.attention.sum(1), 1, rtol=1e-5)
    plain = write_captioner(attend=False)
    assert plain.caption(PICTURES[0], return_attention=True).attention is None
    assert plain.grid == (0, 0)


def test_pictures_that_do_not_fit(captioner: Captioner) -> None:
    with pytest.raises(pyseq.ShapeError, match=r"images have shape \[1, 8, 16, 3\], expected \[batch, 16, 16, 3\]"):
        captioner.caption(np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(pyseq.DTypeError, match="images have dtype int64, expected float32 or uint8"):
        captioner.caption(np.zeros(SIZE, np.int64))


def test_incomplete_tasks() -> None:
    with pytest.raises(pyseq.FormatError, match='captioner: "image" is not a list of 3 sizes'):
        write_captioner(image=[16, 16])
    with pytest.raises(pyseq.FormatError, match='captioner: "grid" is not a list of 2 sizes'):
        write_captioner(grid=[0, 4])
    with pytest.raises(pyseq.FormatError, match='captioner: the program has no vocabulary "other"'):
        write_captioner(vocabulary="other")
    with pytest.raises(pyseq.FormatError, match='captioner: the task has no "path"'):
        write_captioner(attention={})
    lost = write_captioner(attention={"output": "nothing"})
    with pytest.raises(pyseq.ArgumentError, match='step: the function has no output "nothing"'):
        lost.caption(PICTURES[0], return_attention=True)


def test_pictures_from_files(captioner: Captioner, tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pillow.fromarray(PICTURES[0]).resize((48, 48), 0).save(tmp_path / "large.png")
    clear = np.zeros((16, 16, 4), np.uint8)  # nothing but transparent black
    clear[8:] = (*PICTURES[2][8, 0], 255)
    pillow.fromarray(clear).save(tmp_path / "clear.png")
    files = [tmp_path / "large.png", tmp_path / "clear.png"]
    np.testing.assert_array_equal(captioner.read(files), PICTURES[[0, 2]])
    captioner.save(tmp_path / "model.safetensors")
    expected = [captioner.caption(image, beam_size=2).text for image in PICTURES[[0, 2]]]
    assert output_of("run", tmp_path / "model.safetensors", *files, "--beam-size", 2).splitlines() == expected
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    assert "broken.png: not a picture" in pyseq_command("run", tmp_path / "model.safetensors", broken).stderr


def test_a_missing_pillow_is_named(captioner: Captioner, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(pyseq.UnsupportedError, match=r'pip install "pyseq\[images\]"'):
        captioner.read(["picture.png"])
