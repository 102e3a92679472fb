"""`pyseq text`: vocabularies from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

VERSES = "The rain it raineth every day,\nwith hey, ho, the wind and the rain.\n" * 5


def run(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pyseq", "text", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("method", ["character", "word", "words", "bpe", "unigram"])
def test_train_encode_and_decode(tmp_path: Path, method: str) -> None:
    if method in ("bpe", "unigram"):
        pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")
    source, vocabulary = tmp_path / "verses.txt", str(tmp_path / "vocabulary")
    source.write_text(VERSES, encoding="utf-8")
    made = run("train", vocabulary, str(source), "--method", method, "--size", "60")
    assert made.returncode == 0, made.stderr
    assert "tokens in" in made.stdout
    line = "the wind and the rain"
    ids = run("encode", vocabulary, given=line + "\n")
    assert run("decode", vocabulary, given=ids.stdout).stdout == line + "\n"
    pieces = run("encode", vocabulary, "--pieces", given=line + "\n").stdout.split(" ")
    assert len(pieces) >= len(ids.stdout.split())


def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    vocabulary = str(tmp_path / "vocabulary")
    other = run("train", vocabulary, "--method", "bytes", given=VERSES)
    assert other.returncode == 1
    assert "method is 'bytes', expected one of character, word" in other.stderr
    assert run("train", vocabulary, "--method", "word", given=VERSES).returncode == 0
    wrong = run("decode", vocabulary, given="one two\n")
    assert wrong.returncode == 1
    assert "are not ids" in wrong.stderr
