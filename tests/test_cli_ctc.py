"""`pyseq ctc`: saved log-probabilities as a user decodes and aligns them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from test_cli import output_of, pyseq_command

ARPA = "\\data\\\nngram 1=5\n\\1-grams:\n-1 <unk>\n-99 <s>\n-1 </s>\n-3 ab\n-0.5 b\n\\end\\\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ctc")
    (folder / "tokens.txt").write_text("_\na\nb\n<space>\n")
    (folder / "lm.arpa").write_text(ARPA)
    path = [1, 1, 2, 0, 3, 0, 2]
    log_probs = np.full((len(path), 4), np.log(0.1), np.float32)
    log_probs[np.arange(len(path)), path] = np.log(0.7)
    np.save(folder / "frames.npy", log_probs)
    return folder


def test_decode(folder: Path) -> None:
    arguments = ("ctc", "decode", folder / "frames.npy", "--tokens", folder / "tokens.txt")
    assert output_of(*arguments) == "ab b\n"
    (folder / "words.txt").write_text("b\n")
    assert output_of(*arguments, "--lexicon", folder / "words.txt").split() == ["b", "b"]
    output_of("ctc", "compile", folder / "lm.arpa", "-o", folder / "lm.bin")
    found = [
        json.loads(output_of(*arguments, "--language-model", folder / name, "--n-best", 2, "--json"))["hypotheses"]
        for name in ("lm.arpa", "lm.bin")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 2
    printed = json.loads(output_of(*arguments, "--json", "--frame-seconds", 0.02, "--hot-word", "ab=1.5"))
    words = printed["hypotheses"][0]["words"]
    assert [(word["text"], word["start"], word["end"]) for word in words] == [("ab", 0, 0.06), ("b", 0.12, 0.14)]
    assert words[0]["confidence"] == pytest.approx(0.7, rel=1e-4)


def test_align(folder: Path) -> None:
    arguments = ("ctc", "align", folder / "frames.npy", "ab b", "--tokens", folder / "tokens.txt")
    assert output_of(*arguments) == "0\t3\t0.7000\tab\n6\t7\t0.7000\tb\n"
    segments = json.loads(output_of(*arguments, "--json", "--pause", 3))["segments"]
    assert [(segment["start"], segment["end"]) for segment in segments] == [(0, 3), (6, 7)]


def test_what_does_not_work_is_one_sentence(folder: Path) -> None:
    (folder / "bad.npy").write_bytes(b"nonsense")
    np.save(folder / "cube.npy", np.zeros((1, 2, 3), np.float32))
    for arguments, sentence in (
        (("decode", folder / "bad.npy"), "is no .npy file that can be read"),
        (("decode", folder / "cube.npy"), "has no array [time, classes]"),
        (("decode", folder / "frames.npy", "--hot-word", "ab"), "hot word is 'ab', expected PHRASE=BOOST"),
        (("align", folder / "frames.npy", "xyz"), "has no tokens that spell 'xyz'"),
    ):
        finished = pyseq_command("ctc", *arguments, "--tokens", folder / "tokens.txt")
        assert finished.returncode == 1
        assert finished.stderr.startswith("pyseq: ")
        assert sentence in finished.stderr
        assert finished.stderr.count("\n") == 1
