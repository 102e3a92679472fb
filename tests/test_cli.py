"""The `pyseq` command as a user runs it: a process with arguments, standard input, output and error."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from model_folders import write_folder

import pyseq

COMMAND = [sys.executable, "-c", "from pyseq.cli import main; main()"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("cli") / "model")


def pyseq_command(*arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, encoding="utf-8", env=environment, check=False)


def output_of(*arguments: object, text: str = "") -> str:
    finished = pyseq_command(*arguments, text=text)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return finished.stdout


def test_run_translates_its_arguments(folder: Path) -> None:
    translator = pyseq.load(folder)
    expected = [translator.translate(text, max_length=9).text for text in ("abc", "hgf")]
    assert output_of("run", folder, "abc", "hgf", "--max-length", 9).splitlines() == expected


def test_run_translates_standard_input_line_by_line(folder: Path) -> None:
    lines = ["abc", "", "hgf"] * 30
    expected = [h[0].text for h in pyseq.load(folder).translate_batch(lines, max_length=9)]
    printed = output_of("run", folder, "--max-length", 9, "--threads", 1, text="".join(f"{line}\n" for line in lines))
    assert printed.splitlines() == expected


def test_run_prints_n_best_and_json(folder: Path) -> None:
    options = ("--beam-size", 4, "--n-best", 3, "--length-penalty", 0.6, "--max-length", 9)
    plain = output_of("run", folder, "abc", *options).splitlines()
    assert len(plain) == 3
    written = json.loads(output_of("run", folder, "abc", *options, "--json"))
    assert written["source"] == "abc"
    assert [hypothesis["text"] for hypothesis in written["hypotheses"]] == plain
    best = pyseq.load(folder).translate("abc", beam_size=4, length_penalty=0.6, max_length=9)
    assert written["hypotheses"][0]["score"] == best.score
    assert written["hypotheses"][0]["token_log_probs"] == best.token_log_probs


def test_run_opens_program_files(folder: Path, tmp_path: Path) -> None:
    pyseq.load(folder).save(tmp_path / "model.safetensors")
    arguments = ("abc", "--max-length", 9)
    assert output_of("run", tmp_path / "model.safetensors", *arguments) == output_of("run", folder, *arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("no-such-model", "abc"), "no-such-model"),
        (("MODEL", "abc", "--n-best", "5"), "n_best"),
        (("FILE", "abc"), "damaged.safetensors: safetensors: "),
    ],
)
def test_run_fails_with_one_sentence(folder: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"\x10")
    places = {"MODEL": folder, "FILE": damaged}
    finished = pyseq_command("run", *(places.get(argument, argument) for argument in arguments))
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith("pyseq: ")
    assert finished.stderr.count("\n") == 1
    assert sentence in finished.stderr


def test_usage_errors_exit_with_2(folder: Path) -> None:
    finished = pyseq_command("run", folder, "abc", "--beam-size", 0)
    assert finished.returncode == 2
    assert "--beam-size" in finished.stderr


def test_run_is_silent_when_its_reader_leaves(folder: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", str(folder), "--max-length", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    _, errors = process.communicate(b"abc\n" * 100) if process.stdin else (b"", b"")
    assert process.returncode == 1
    assert b"Traceback" not in errors


def test_inspect_shows_functions_ops_state_and_tensors(folder: Path) -> None:
    printed = output_of("inspect", folder)
    for part in ("task: translator", "function encode(", "function step(", "cached_attention x2", "cache", "memory"):
        assert part in printed
    assert "decoder.layers.0.self_attention" in printed


def test_inspect_lists_nodes_and_writes_json(folder: Path) -> None:
    assert "%0" in output_of("inspect", folder, "--nodes")
    written = json.loads(output_of("inspect", folder, "--json"))
    assert {function["name"] for function in written["functions"]} >= {"encode", "step"}
    assert written["vocabularies"]["source"] > 0
    assert all(tensor["bytes"] > 0 for tensor in written["tensors"])


def test_bench_prints_a_table_json_and_csv() -> None:
    finished = pyseq_command("bench", "softmax", "--budget", 0.01)
    assert finished.returncode == 0
    assert "threads=" in finished.stderr
    assert finished.stdout.splitlines()[0].split() == ["op", "case", "us", "GFLOP/s", "GB/s"]

    written = json.loads(output_of("bench", "softmax", "--budget", 0.01, "-o", "json", "--threads", 1, "--isa", "v2"))
    assert (written["isa"], written["threads"]) == ("v2", 1)
    assert all(case["gigabytes"] > 0 for case in written["cases"])

    rows = list(csv.DictReader(io.StringIO(output_of("bench", "softmax", "--budget", 0.01, "-o", "csv"))))
    assert {row["op"] for row in rows} == {"softmax"}


def test_bench_names_the_ops_it_knows() -> None:
    finished = pyseq_command("bench", "sofmax")
    assert finished.returncode == 2
    assert "softmax" in finished.stderr


def test_bench_measures_packed_weights_in_another_storage_type() -> None:
    written = json.loads(output_of("bench", "linear", "--dtype", "int8", "--budget", 0.001, "-o", "json"))
    assert {case["label"].rsplit(" ", 1)[-1] for case in written["cases"]} == {"int8"}
    finished = pyseq_command("bench", "softmax", "--dtype", "int8")
    assert finished.returncode == 2
    assert "packed weights" in finished.stderr


def test_inspect_shows_narrow_weights(folder: Path) -> None:
    written = json.loads(output_of("inspect", folder, "--dtype", "int8", "--json"))
    assert {tensor["dtype"] for tensor in written["tensors"] if tensor["panel_gates"]} == {"int8"}
    finished = pyseq_command("inspect", folder, "--dtype", "int4")
    assert finished.returncode == 1
    assert "int4" in finished.stderr


def test_run_takes_the_storage_type_of_caches(folder: Path) -> None:
    plain = output_of("run", folder, "abc", "--max-length", 9)
    assert output_of("run", folder, "abc", "--max-length", 9, "--cache-dtype", "float32") == plain
    assert output_of("run", folder, "abc", "--max-length", 9, "--cache-dtype", "bfloat16").strip()
    finished = pyseq_command("run", folder, "abc", "--cache-dtype", "int4")
    assert finished.returncode == 1
    assert 'cache_dtype is "int4", expected float32, bfloat16 or int8' in finished.stderr


def test_run_takes_the_options_of_a_search(folder: Path) -> None:
    translator = pyseq.load(folder)

    def lines(*arguments: object, **options: Any) -> None:
        expected = [[h.text for h in found] for found in translator.translate_batch(["abc", "hgf"], **options)]
        printed = output_of("run", folder, "abc", "hgf", *arguments).splitlines()
        assert printed == [text for texts in expected for text in texts]

    lines(
        "--max-length",
        7,
        "--min-length",
        5,
        "--suppress",
        "A",
        "--suppress",
        "B",
        max_length=7,
        min_length=5,
        suppress=["A", "B"],
    )
    lines("--beam-size", 4, "--n-best", 4, "--groups", 2, "--diversity-penalty", 1.5, "--length-normalization", "gnmt",
          "--length-penalty", 0.6, "--early-exit", "bound", beam_size=4, n_best=4, groups=2, diversity_penalty=1.5,
          length_normalization="gnmt", length_penalty=0.6, early_exit="bound")  # fmt: skip
    lines(
        "--target-prefix",
        "GA",
        "--alternatives",
        "--n-best",
        3,
        target_prefixes=["GA"] * 2,
        alternatives=True,
        n_best=3,
    )
    lines("--sample", "--n-best", 2, "--temperature", 2.0, sample=True, n_best=2, temperature=2.0, seed=[0, 1])
    finished = pyseq_command("run", folder, "abc", "--temperature", 2.0)
    assert finished.returncode == 1
    assert finished.stderr == "pyseq: search: temperature is given, expected sample=True with it\n"
