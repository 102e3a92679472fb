"""The C and C++ package as its user meets it: CMake finds it, it gives what Python gives, bit for bit."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_classifier
import test_generator
import test_recipe_models
import test_tagger
import tiny_captions
from model_folders import write_folder

import pyseq
from pyseq import ctc, models, nn
from pyseq.cli.run import tagged
from pyseq.recipes.g2p import G2p, G2pConfig
from pyseq.recipes.translate_rnn import TranslateRnn, TranslateRnnConfig
from pyseq.state import State
from pyseq.text import Vocabulary

PROJECT = Path(__file__).resolve().parent / "cmake_project"
TINY_WORDS = ["abc", "hgfedcba", "", "deadbeef"]
DATES = Path(pyseq.__file__).parent / "assets" / "dates.safetensors"
REAL_WORDS = ["لقمان", "مريم", "إبراهيم", "غورباتشوف", "بيتهوفن", "مراكش"]


def wheel_prefix() -> Path:
    cmake_dir = subprocess.check_output([sys.executable, "-m", "pyseq", "--cmake-dir"], text=True).strip()
    return Path(cmake_dir).parents[2]


def installed_prefix(folder: Path) -> Path:
    """What `cmake --install` gives; building the library takes minutes, so an existing build is used."""
    build = os.environ.get("PYSEQ_CPP_BUILD")
    if build is None:
        pytest.skip(
            "no CMake build: run `cmake -S . -B build/cpp && cmake --build build/cpp`, set PYSEQ_CPP_BUILD to it"
        )
    subprocess.run(["cmake", "--install", build, "--prefix", folder], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="module", params=["wheel", "cmake --install"])
def examples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example programs, built with the package of one of the two places."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is missing: pip install cmake ninja")
    folder = tmp_path_factory.mktemp("cpp")
    prefix = wheel_prefix() if request.param == "wheel" else installed_prefix(folder / "prefix")
    build = folder / "build"
    arguments = [f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run(["cmake", "-S", PROJECT, "-B", build, *arguments], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", build, "--parallel", "2"], check=True, stdout=subprocess.DEVNULL)
    return build


@pytest.fixture(scope="module")
def transliterate(examples: Path) -> Path:
    return examples / "transliterate"


def output_of(program: Path, *arguments: object, text: str) -> list[str]:
    finished = subprocess.run(
        [program, *map(str, arguments)], input=text, capture_output=True, encoding="utf-8", check=True
    )
    return finished.stdout.splitlines()


def test_run_answers_for_every_task(examples: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    translator = pyseq.load(write_folder(tmp_path / "folder"))
    translator.save(file)
    expected = [translator.translate(word).text for word in TINY_WORDS]
    assert output_of(examples / "run", file, text="\n".join(TINY_WORDS)) == expected

    generator = test_generator.write(test_generator.make_model(test_generator.CHARACTERS), test_generator.CHARACTERS)
    generator.save(file)
    expected = [generator.generate(word, seed=7) for word in ("abc", "head")]
    assert output_of(examples / "run", file, 7, text="abc\nhead\n") == expected

    classifier = test_classifier.write()
    classifier.save(file)
    found = [classifier.classify(word) for word in test_classifier.TEXTS]
    printed = output_of(examples / "run", file, text="\n".join(test_classifier.TEXTS))
    assert printed == [f"{one.label}\t{one.probability:.6f}" for one in found]

    for labels in (test_tagger.LABELS, list("ABCDE")):  # spans, or a label for every word
        tagger = test_tagger.write(labels=labels)
        tagger.save(file)
        texts = ["Anna and b", "and \u00e4b anna anna"]
        printed = output_of(examples / "run", file, text="\n".join(texts))
        assert printed == [tagged(tagger, text) for text in texts]

    captioner = tiny_captions.write_captioner()
    captioner.save(file)
    image = tiny_captions.picture("red", "left")
    (tmp_path / "picture.ppm").write_bytes(b"P6\n16 16\n255\n" + image.tobytes())
    printed = output_of(examples / "run", file, text=f"{tmp_path / 'picture.ppm'}\n")
    assert printed == [captioner.caption(image, beam_size=4).text]


@pytest.mark.parametrize("recipe", ["g2p", "translate-rnn"])
def test_run_answers_for_exported_recipes(examples: Path, recipe: str, tmp_path: Path) -> None:
    """Models trained for a few steps: what they say is of no matter, as long as both sides say the same."""
    if recipe == "g2p":
        source = test_recipe_models.write_dictionary(tmp_path)
        sizes: dict[str, Any] = {"embedding_size": 24, "encoder_size": 24, "decoder_size": 48, "attention_size": 24}
        config = G2pConfig(epochs=None, max_steps=100, batch_size=32, learning_rate=1e-2, dropout=0.0, **sizes)
        test_recipe_models.run(G2p(config), tmp_path, source)
        texts = ["dream", "made", "to", ""]
    else:
        pytest.importorskip("tokenizers", reason="pip install 'pyseq[text]'")
        pytest.importorskip("sacrebleu", reason="pip install 'pyseq[metrics]'")
        source = test_recipe_models.write_translations(tmp_path)
        sizes = {"embedding_size": 24, "encoder_size": 24, "decoder_size": 48}
        limits: dict[str, Any] = {"vocabulary_size": 120, "max_tokens": 300, "learning_rate": 1e-2}
        translation = TranslateRnnConfig(epochs=None, max_steps=60, dropout=0.0, **limits, **sizes)
        test_recipe_models.run(TranslateRnn(translation), tmp_path, source)
        texts = ["The house is red, isn't it?", "My town", ""]
    translator = pyseq.load(tmp_path / "model.safetensors")
    expected = [translator.translate(text).text for text in texts]
    assert any(expected)
    printed = output_of(examples / "run", tmp_path / "model.safetensors", text="\n".join(texts) + "\n")
    assert printed == expected


WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh")
LINES = ["[CLS] a b [SEP]", "[CLS] c [MASK] d a [SEP]"]


def transformer_program(file: Path, model: Any, functions: dict[str, Any], **task: Any) -> pyseq.Program:
    vocabularies = {"tokens": Vocabulary(WORDS, "word")}
    pyseq.export(model, file, functions, task={**task, "vocabulary": "tokens"}, vocabularies=vocabularies)
    return pyseq.Program.load(file)


def test_run_answers_for_models_of_berts_family(examples: Path, tmp_path: Path) -> None:
    file, example = tmp_path / "model.safetensors", {"tokens": np.zeros((2, 4), np.int64), "lengths": np.array([4, 2])}
    options = models.BertOptions(13, width=12, num_heads=3, num_layers=2, feed_forward=20, positions=9)
    rows = [[WORDS.index(word) for word in line.split()] for line in LINES]
    inputs = [{"tokens": np.array([row]), "lengths": np.array([len(row)])} for row in rows]
    as_ids = "\n".join(" ".join(map(str, row)) for row in rows)

    program = transformer_program(
        file, models.BertEmbedder(options), {"encode": example, "embed": example}, kind="encoder"
    )
    for arguments, text in (([], "\n".join(LINES)), (["--ids"], as_ids)):
        for line, one in zip(output_of(examples / "run", file, *arguments, text=text), inputs, strict=True):
            vector = np.array(line.split(), np.float32)
            np.testing.assert_array_equal(vector, program.run("embed", **one)["output"][0])

    program = transformer_program(
        file, models.BertTagger(options, 4), {"tag": example}, kind="tagger", labels=[*"OABC"], tokenizer={}
    )
    classes = [program.run("tag", **one)["logits"][0].argmax(-1) for one in inputs]
    expected = [
        f"{WORDS[id]}\t{number}"
        for row, found in zip(rows, classes, strict=True)
        for id, number in zip(row, found, strict=True)
    ]
    assert output_of(examples / "run", file, text="\n".join(LINES)) == expected

    places = {"vectors": pyseq.Input(np.ones((2, 12), np.float32), dims=("places", 12))}
    model = models.BertMaskedLanguageModel(options)
    program = transformer_program(file, model, {"encode": example, "predict": places}, kind="fill_mask", mask="[MASK]")
    vectors = program.run("encode", **inputs[1])["output"][0, 2:3].copy()
    logits = program.run("predict", vectors=vectors)["logits"][0]
    printed = output_of(examples / "run", file, text=LINES[1])[0].split()
    assert printed[::2] == [WORDS[id] for id in np.argsort(-logits, kind="stable")[:5]]

    classifier = models.BertClassifier(options, 2)
    transformer_program(file, classifier, {"classify": example}, kind="classifier", labels=["no", "yes"])
    best = [pyseq.load(file).classify(line) for line in LINES]
    printed = output_of(examples / "run", file, "--ids", text=as_ids)
    assert printed == [f"{one.label}\t{one.probability:.6f}" for one in best]


def test_run_answers_for_gpt_and_an_encoder_decoder(examples: Path, tmp_path: Path) -> None:
    file, step = tmp_path / "model.safetensors", {"tokens": np.zeros((2, 2), np.int64)}
    gpt = models.Gpt(models.GptOptions(13, width=12, num_heads=3, num_layers=2, feed_forward=20, max_positions=30))
    limits = {"start": None, "end": 3, "max_length": 8}
    transformer_program(file, gpt.initialize(4), {"step": step, "prefill": step}, kind="generator", **limits)
    expected = pyseq.load(file).generate("a b c", temperature=0)
    assert output_of(examples / "run", file, "--greedy", text="a b c\n") == [expected]
    ids = [WORDS.index(word) for word in expected.split()]
    assert output_of(examples / "run", file, "--greedy", "--ids", text="5 6 7\n") == [" ".join(map(str, ids[3:]))]

    sizes = {"width": 12, "num_heads": 3, "encoder_layers": 1, "decoder_layers": 1, "feed_forward": 20}
    marian = models.Transformer(models.TransformerOptions(13, 13, **sizes, shared_embeddings=True)).initialize(5)
    source = {"tokens": np.zeros((2, 4), np.int64), "lengths": np.array([4, 2])}
    names = {"source_vocabulary": "tokens", "target_vocabulary": "tokens", "source_suffix": [3], "attention": None}
    transformer_program(
        file, marian, {"encode": source, "step": step}, kind="translator", **names, **{**limits, "start": 0}
    )
    found = pyseq.load(file).translate("a b h")
    assert output_of(examples / "run", file, text="a b h\n") == [found.text]
    assert output_of(examples / "run", file, "--ids", text="5 6 12\n") == [" ".join(map(str, found.ids))]
    assert "--ids" in "\n".join(output_of(examples / "run", "--help", text=""))


def assert_same_output(program: Path, model: Path, words: list[str]) -> None:
    translator = pyseq.load(model)
    options = ["--beam-size", "4", "--n-best", "4", "--length-penalty", "0.6"]
    text = "".join(f"{word}\n" for word in words)
    printed = subprocess.run([program, model, *options], input=text, capture_output=True, encoding="utf-8", check=True)
    found = [line.split("\t") for line in printed.stdout.splitlines()]
    expected = [
        [word, hypothesis.text, hypothesis.score.hex()]
        for word, hypotheses in zip(
            words, translator.translate_batch(words, beam_size=4, n_best=4, length_penalty=0.6), strict=True
        )
        for hypothesis in hypotheses
    ]
    assert [[word, output, float(score).hex()] for word, output, score in found] == expected


def test_tiny_model_gives_the_same_bits(transliterate: Path, tmp_path: Path) -> None:
    pyseq.load(write_folder(tmp_path / "folder")).save(tmp_path / "model.safetensors")
    assert_same_output(transliterate, tmp_path / "model.safetensors", TINY_WORDS)


def test_real_model_gives_the_same_bits(transliterate: Path, data_dir: Path, tmp_path: Path) -> None:
    pyseq.load(data_dir / "models" / "aren_transliteration").save(tmp_path / "model.safetensors")
    assert_same_output(transliterate, tmp_path / "model.safetensors", REAL_WORDS)


def test_ctc_decode_gives_the_same_bits(examples: Path, tmp_path: Path) -> None:
    tokens = ["_", "a", "b", "c", " "]
    (tmp_path / "tokens.txt").write_text("\n".join(tokens[:-1]) + "\n<space>\n")
    (tmp_path / "words.txt").write_text("ab\nbca\nc\n")
    (tmp_path / "words.arpa").write_text(ctc.estimate(["ab c", "c ab bca", "bca"], 2))
    x = np.random.default_rng(0).standard_normal((60, 5)) * 2
    log_probs = (x - np.log(np.exp(x).sum(-1, keepdims=True))).astype(np.float32)
    np.save(tmp_path / "frames.npy", log_probs)
    files = [tmp_path / "tokens.txt", tmp_path / "frames.npy"]
    options = ["--language-model", tmp_path / "words.arpa", "--lexicon", tmp_path / "words.txt", "--beam-size", 8]
    printed = output_of(examples / "ctc_decode", *files, *options, "--words", text="")
    decoder = ctc.Decoder(tokens, lexicon=["ab", "bca", "c"], language_model=tmp_path / "words.arpa", beam_size=8)
    best = decoder.decode(log_probs)[0]
    text, score = printed[0].split("\t")
    assert (text, float(score)) == (best.text, best.score)
    assert [line.split("\t")[:3] for line in printed[1:]] == [[w.text, str(w.start), str(w.end)] for w in best.words]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "model file is missing"),
        (["nowhere.safetensors"], "nowhere.safetensors"),
        (["--beam-size"], "needs a value"),
    ],
)
def test_failures_give_one_sentence(transliterate: Path, arguments: list[str], sentence: str) -> None:
    finished = subprocess.run([transliterate, *arguments], capture_output=True, text=True, input="", check=False)
    assert finished.returncode == 1
    assert sentence in finished.stderr
    assert finished.stderr.count("\n") == 1


class Frames(nn.Module):
    """Frames [batch, time, 3] to classes, the state of a GRU in between."""

    def __init__(self) -> None:
        self.gru = nn.GRU(3, 8)
        self.head = nn.Linear(8, 4)

    def initial_state(self, rows: Any) -> State:
        state = State(rows)
        state.add_carry("h", (8,))
        return state

    def step(self, x: Any, state: State) -> dict[str, Any]:
        y, (state.carry["h"],) = self.gru(x, None, [state.carry["h"]])
        return {"logits": self.head(y)}


@pytest.fixture(scope="module")
def frames_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("frames") / "frames.safetensors"
    model = Frames().initialize(1)
    pyseq.export(model, file, {"step": {"x": pyseq.Input(np.ones((2, 4, 3), np.float32))}})
    return file


def test_transcribe_writes_what_the_whole_stream_says(examples: Path, frames_file: Path, tmp_path: Path) -> None:
    x = 4 * np.random.default_rng(1).standard_normal((1, 45, 3)).astype(np.float32)
    program = pyseq.Program.load(frames_file)
    logits = program.run("step", state=program.new_state(1), x=x)["logits"]
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    text = "".join("_a b"[token] for token in ctc.greedy(log_probs)[0].tokens)
    assert len(text) > 8
    (tmp_path / "tokens.txt").write_text("_\na\n<space>\nb\n")
    command = [examples / "transcribe", frames_file, tmp_path / "tokens.txt"]
    assert subprocess.check_output(command, input=x.tobytes()).decode() == text + "\n"


def test_beam_search_hears_its_own_scorer(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "outputs.txt").write_text("1969-07-20\n" * 50)
    command = [examples / "beam_search", DATES, tmp_path / "outputs.txt"]
    texts = ["20 July 1969", "3 May 2005"]
    translator = pyseq.load("dates")
    printed = [line.split("\t") for line in output_of(*command, 0, text="\n".join(texts))]
    for text, found in zip(texts, (printed[:4], printed[4:]), strict=True):
        [expected] = translator.translate_batch([text], beam_size=4, n_best=4)
        assert [one[0] for one in found] == [one.text for one in expected]
        np.testing.assert_allclose(
            [float(one[1]) for one in found], [one.score for one in expected], rtol=1e-5, atol=1e-5
        )
    [text, score] = output_of(*command, 9, text=texts[1])[0].split("\t")
    assert text != translator.translate(texts[1]).text
    vocabulary = translator.program.vocabulary("iso")
    pairs = np.ones((13, 13))
    for before, after in itertools.pairwise([0, *vocabulary.encode("1969-07-20"), 1]):
        pairs[before, after] += 50
    log_probs = np.log(pairs / pairs.sum(-1, keepdims=True))
    ids = [0, *vocabulary.encode(text), 1]
    expected = translator.score(texts[1], text).score + 9 * log_probs[ids[:-1], ids[1:]].sum()
    assert float(score) == pytest.approx(expected, rel=1e-5)


def test_c_examples_answer_as_python(examples: Path, tmp_path: Path) -> None:
    texts = ["20 July 1969", "le 3 mai 2005"]
    translator = pyseq.load("dates")
    expected = [translator.translate(text, beam_size=4).text for text in texts]
    assert output_of(examples / "translate", DATES, text="\n".join(texts)) == expected
    classifier = test_classifier.write()
    classifier.save(tmp_path / "model.safetensors")
    found = [classifier.classify(text) for text in test_classifier.TEXTS]
    printed = output_of(examples / "classify", tmp_path / "model.safetensors", text="\n".join(test_classifier.TEXTS))
    assert printed == [f"{one.label}\t{one.probability:.6f}" for one in found]


@pytest.mark.parametrize("kind", ["pyseq", "shared"])
def test_c_program_with_right_and_wrong_calls(examples: Path, kind: str, frames_file: Path, tmp_path: Path) -> None:
    generator = test_generator.write(test_generator.make_model(test_generator.CHARACTERS), test_generator.CHARACTERS)
    generator.save(tmp_path / "generator.safetensors")
    classifier = test_classifier.write()
    classifier.save(tmp_path / "classifier.safetensors")
    models = (DATES, frames_file, tmp_path / "generator.safetensors", tmp_path / "classifier.safetensors")
    printed = output_of(examples / f"c_api_{kind}", *models, tmp_path, text="")

    [best] = pyseq.load("dates").translate_batch(["20 July 1969"], beam_size=4, n_best=3)
    x = (0.25 * (np.arange(18, dtype=np.float32) % 7) - 0.5).reshape(1, 6, 3)
    program = pyseq.Program.load(frames_file)
    total = program.run("step", state=program.new_state(1), x=x)["logits"].astype(np.float64)
    tokens = list(generator.stream("abc", seed=7))
    labels = classifier.classify("fedcba")
    assert printed[0] == pyseq.__version__
    assert [line.split("\t")[0] for line in printed[1:4]] == [one.text for one in best]
    assert [float(line.split("\t")[1]) for line in printed[1:4]] == [one.score for one in best]
    assert float(printed[4]) == pytest.approx(total.sum(), rel=1e-9)
    text, log_prob = printed[5].split("\t")
    assert text == "".join(tokens)
    expected = sum(generator.score("abc" + text).token_log_probs[2:])  # those of "b" and "c" come first
    assert float(log_prob) == pytest.approx(expected, rel=1e-6)
    assert printed[6].startswith(f"{labels.label}\t")


def test_ctypes_calls_the_shared_library(examples: Path) -> None:
    linked = subprocess.check_output(["ldd", examples / "c_api_shared"], text=True)
    [path] = [line.split(" => ")[1].split(" (")[0] for line in linked.splitlines() if "libpyseq" in line]
    library = ctypes.CDLL(path)
    library.pyseq_last_error.restype = library.pyseq_texts_text.restype = ctypes.c_char_p
    library.pyseq_texts_text.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    translator, texts = ctypes.c_void_p(), ctypes.c_void_p()
    assert library.pyseq_translator_load(str(DATES).encode(), ctypes.byref(translator)) == 0
    assert library.pyseq_translate(translator, b"20 July 1969", None, ctypes.byref(texts)) == 0
    assert library.pyseq_texts_text(texts, 0) == b"1969-07-20"
    assert library.pyseq_translate(translator, None, None, ctypes.byref(texts)) == 5
    assert library.pyseq_last_error() == b"pyseq_translate: text is NULL"
    library.pyseq_translator_free(translator)
    if shutil.which("nm"):
        names = subprocess.check_output(["nm", "-D", "--defined-only", path], text=True)
        assert all(line.split()[-1].startswith("pyseq_") for line in names.splitlines())
