"""``pyseq vectors train|neighbors|analogy|evaluate|debias|map``: word vectors on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import pyseq
from pyseq import embeddings
from pyseq.cli.table import print_table
from pyseq.embeddings import WordVectors, debiasing, word_lists

app = typer.Typer(help="Word vectors: train them, ask them, judge them, debias them, draw them.", no_args_is_help=True)

METHODS = ("skip-gram", "cbow", "glove")
VectorFile = Annotated[
    Path, typer.Argument(help="Vectors: .safetensors, word2vec (.txt, .bin), GloVe text, fastText (.vec, .bin).")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Read the first so many words alone.")]
Restrict = Annotated[int | None, typer.Option(min=1, help="Look at the first so many words alone.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("train")
def train(
    corpus: Annotated[Path, typer.Argument(help="A text file, a sentence per line (also .gz, .xz, .bz2).")],
    output: Annotated[Path, typer.Argument(help="Where to write: .safetensors, .txt, .bin, .glove or .vec.")],
    method: Annotated[str, typer.Option(help="skip-gram, cbow or glove.")] = "skip-gram",
    loss: Annotated[str, typer.Option(help="negative, hierarchical or softmax (not of GloVe).")] = "negative",
    width: Annotated[int, typer.Option(min=1, help="Values of a vector.")] = 100,
    window: Annotated[int, typer.Option(min=1, help="Words on each side.")] = 5,
    context: Annotated[str, typer.Option(help="both, left, previous or nearby (not of GloVe).")] = "both",
    negatives: Annotated[int, typer.Option(min=1, help="Sampled words per word.")] = 5,
    subsample: Annotated[float, typer.Option(min=0, help="Thins out words that are more frequent; 0: none.")] = 1e-3,
    subwords: Annotated[str, typer.Option(help="Lengths of character n-grams, such as 3-6 (fastText).")] = "",
    buckets: Annotated[int, typer.Option(min=1, help="Rows that n-grams share.")] = 2_000_000,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: 5, of GloVe 15.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Default: 0.025, of GloVe 0.05.")] = None,
    min_count: Annotated[int, typer.Option(min=1, help="Rarer words are left out.")] = 5,
    max_words: Annotated[int | None, typer.Option(min=1, help="Of the vocabulary.")] = None,
    clean: Annotated[
        bool, typer.Option(help="Lower-case words of letters and digits; else what spaces separate.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Threads do not wait for each other: other bits each time.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bits on any number of threads.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Write the state now and then; an existing one is gone on with.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Train vectors on a text."""
    if method not in METHODS:
        raise pyseq.ArgumentError(f"vectors train: method is {method!r}, expected one of {', '.join(METHODS)}")
    tokenize = embeddings.simple_words if clean else None
    model: Any
    if method == "glove":
        model = embeddings.Glove(
            width,
            window=window,
            learning_rate=learning_rate or 0.05,
            min_count=min_count,
            max_words=max_words,
            seed=seed,
        )
        report = model.fit(corpus, epochs or 15, tokenize=tokenize, progress=not quiet)
    else:
        if checkpoint is not None and checkpoint.exists():
            model = embeddings.Word2Vec.load(checkpoint)
        else:
            model = embeddings.Word2Vec(
                width=width,
                architecture=method,
                loss=loss,
                context=context,
                window=window,
                negatives=negatives,
                subsample=subsample,
                subwords=lengths(subwords),
                buckets=buckets,
                min_count=min_count,
                max_words=max_words,
                learning_rate=learning_rate or 0.025,
                deterministic=not fast,
                seed=seed,
            )
        report = model.fit(corpus, epochs or 5, tokenize=tokenize, progress=not quiet, checkpoint=checkpoint)
    model.vectors().save(output)
    unit = "pairs" if method == "glove" else "words"
    print(
        f"{len(model.words)} words in {output}: {report.words_per_second:,.0f} {unit}/s, loss {report.losses[-1]:.4f}"
    )


def lengths(text: str) -> tuple[int, int] | None:
    """The lengths of n-grams: "3-6", "3" or nothing."""
    if not text:
        return None
    parts = text.split("-")
    if not all(part.isdigit() for part in parts) or len(parts) > 2:
        raise pyseq.ArgumentError(f"vectors train: subwords is {text!r}, expected two lengths such as 3-6")
    return int(parts[0]), int(parts[-1])


@app.command("neighbors")
def neighbors(
    vectors: VectorFile,
    words: Annotated[list[str] | None, typer.Argument(help="Words (default: those of standard input).")] = None,
    k: Annotated[int, typer.Option(min=1, help="Neighbours of each.")] = 10,
    restrict: Restrict = None,
    metric: Annotated[Any, typer.Option(help="cosine or euclidean.")] = "cosine",
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Print the words nearest to words."""
    found = WordVectors.load(vectors, limit=limit)
    asked = words or [line.strip() for line in sys.stdin if line.strip()]
    answers = found.neighbors_of(asked, k, restrict=restrict, metric=metric)
    if as_json:
        print(json.dumps(dict(zip(asked, answers, strict=True)), ensure_ascii=False))
        return
    rows = [(word, near, f"{v:.4f}") for word, several in zip(asked, answers, strict=True) for near, v in several]
    print_table(["word", "neighbour", metric], rows)


@app.command("analogy")
def analogy(
    vectors: VectorFile,
    words: Annotated[list[str], typer.Argument(help="Three words: A is to B as C is to …")],
    k: Annotated[int, typer.Option(min=1, help="Answers.")] = 5,
    objective: Annotated[Any, typer.Option(help="add (3CosAdd) or multiply (3CosMul).")] = "add",
    restrict: Restrict = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Complete an analogy."""
    if len(words) != 3:
        raise pyseq.ArgumentError(f"vectors analogy: {len(words)} words, expected three")
    a, b, c = words
    found = WordVectors.load(vectors, limit=limit)
    answers = found.analogy([b, c], [a], k, objective=objective, restrict=restrict)
    if as_json:
        print(json.dumps(answers, ensure_ascii=False))
    else:
        print_table(["word", "score"], [(word, f"{score:.4f}") for word, score in answers])


@app.command("evaluate")
def evaluate(
    vectors: VectorFile,
    analogies: Annotated[Path | None, typer.Option(help="Questions of four words, sections headed ': name'.")] = None,
    similarity: Annotated[Path | None, typer.Option(help="Pairs of words with scores, tabs between.")] = None,
    objective: Annotated[Any, typer.Option(help="add (3CosAdd) or multiply (3CosMul).")] = "add",
    lowercase: Annotated[bool, typer.Option(help="Look words up in lower case.")] = False,
    restrict: Restrict = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Judge vectors by analogies and by word similarity."""
    if analogies is None and similarity is None:
        raise pyseq.ArgumentError("vectors evaluate: give --analogies, --similarity, or both")
    found = WordVectors.load(vectors, limit=limit)
    results: dict[str, Any] = {}
    if similarity is not None:
        score = embeddings.evaluate_similarity(found, similarity, lowercase=lowercase)
        results["similarity"] = vars(score)
        if not as_json:
            header = ["similarity", "Spearman", "Pearson", "pairs", "missing"]
            row = [
                similarity.name,
                f"{score.spearman:.3f}",
                f"{score.pearson:.3f}",
                str(score.pairs),
                str(score.missing),
            ]
            print_table(header, [row])
    if analogies is not None:
        sections = embeddings.evaluate_analogies(
            found,
            analogies,
            objective=objective,
            restrict=restrict,
            lowercase=lowercase,
        )
        results["analogies"] = [{**vars(s), "accuracy": s.accuracy} for s in sections]
        if not as_json:
            print_table(
                ["analogies", "right", "asked", "missing", "%"],
                [[s.name, str(s.right), str(s.asked), str(s.missing), f"{100 * s.accuracy:.1f}"] for s in sections],
            )
    if as_json:
        print(json.dumps(results, ensure_ascii=False))


@app.command("debias")
def debias(
    vectors: VectorFile,
    output: Annotated[Path | None, typer.Argument(help="Where to write the changed vectors.")] = None,
    method: Annotated[str, typer.Option(help="hard (neutralise and equalise) or soft.")] = "hard",
    pairs: Annotated[Path | None, typer.Option(help="Defining pairs, JSON (default: own list).")] = None,
    equal: Annotated[Path | None, typer.Option(help="Pairs to equalise, JSON (default: own list).")] = None,
    gendered: Annotated[Path | None, typer.Option(help="Words that keep their part, JSON (default: own list).")] = None,
    neutral: Annotated[Path | None, typer.Option(help="Words to report on, JSON (default: own list).")] = None,
    directions: Annotated[int, typer.Option(min=1, help="Dimensions of the bias.")] = 1,
    similarity: Annotated[
        Path | None, typer.Option(help="Pairs of words with scores, judged before and after.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as a page.")] = None,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Find a direction of bias, take it out, and report what that changed."""
    found = WordVectors.load(vectors, limit=limit)
    defining = read_list(pairs, word_lists.GENDER_PAIRS)
    basis, shares = debiasing.bias_directions(found, defining, directions)
    kept, neutrals = read_list(gendered, word_lists.GENDERED_WORDS), read_list(neutral, word_lists.NEUTRAL_WORDS)
    if method == "hard":
        after = debiasing.hard_debiased(found, basis, kept, read_list(equal, word_lists.EQUAL_PAIRS))
    elif method == "soft":
        belonging = set(kept)
        after = debiasing.soft_debiased(found, basis, (word for word in found.words if word not in belonging))
    else:
        raise pyseq.ArgumentError(f"vectors debias: method is {method!r}, expected hard or soft")
    report = embeddings.bias_report(found, after, basis[0], neutrals, similarity=similarity)
    report["explained"] = [float(share) for share in shares]
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print_table(["measure", "before", "after"], embeddings.bias_rows(report))
    if html is not None:
        html.write_text(pyseq.viz.bias_page(report), encoding="utf-8")
    if output is not None:
        after.save(output)


def read_list(file: Path | None, own: Sequence[Any]) -> Sequence[Any]:
    """Words, or lists of words, of a JSON file; of entries with numbers behind the word, the word."""
    if file is None:
        return own
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise pyseq.FormatError(f"{file}: no JSON ({error})") from None
    if not isinstance(found, list) or not all(isinstance(entry, str | list) for entry in found):
        raise pyseq.FormatError(f"{file}: no list of words or of lists of words")
    return [entry[0] if isinstance(entry, list) and not all(map(is_text, entry)) else entry for entry in found]


def is_text(value: Any) -> bool:
    """Whether something is a string."""
    return isinstance(value, str)


@app.command("map")
def draw(
    vectors: VectorFile,
    words: Annotated[list[str] | None, typer.Argument(help="Words (default: the first ones of the file).")] = None,
    count: Annotated[int, typer.Option(min=3, help="How many of the first ones.")] = 500,
    method: Annotated[Any, typer.Option(help="pca or tsne (needs openTSNE).")] = "pca",
    perplexity: Annotated[float, typer.Option(help="Of t-SNE.")] = 30.0,
    arrow: Annotated[
        list[str] | None, typer.Option(help="Draw an arrow, FROM:TO; may be repeated (man:king woman:queen).")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page: search, neighbours, analogies.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write a picture: .png, .svg or .pdf.")] = None,
    projector: Annotated[
        Path | None, typer.Option(help="Write vectors.tsv and metadata.tsv for the Embedding Projector to a folder.")
    ] = None,
    title: Annotated[str, typer.Option(help="Of page and picture.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of t-SNE.")] = 0,
    limit: Limit = None,
) -> None:
    """Draw words in two dimensions."""
    if html is None and picture is None and projector is None:
        raise pyseq.ArgumentError("vectors map: give --html, --picture or --projector")
    found = WordVectors.load(vectors, limit=limit)
    if projector is not None:
        table, metadata = embeddings.save_projector(found, projector)
        print(f"{table} and {metadata}: load them at projector.tensorflow.org")
    if html is None and picture is None:
        return
    arrows = [split_arrow(text) for text in arrow or []]
    chosen = list(words) if words else list(found.words[:count])
    chosen += [word for pair in arrows for word in pair if word not in chosen]
    drawn = embeddings.word_map(found, chosen, method=method, perplexity=perplexity, seed=seed)
    heading = title or vectors.stem
    if html is not None:
        page = pyseq.viz.word_map_page(drawn.words, drawn.points, drawn.units, arrows, heading)
        html.write_text(page, encoding="utf-8")
    if picture is not None:
        pyseq.viz.word_map_plot(drawn.words, drawn.points, arrows, title=heading, file=picture)
    print(f"{len(drawn.words)} words: {', '.join(str(file) for file in (html, picture) if file is not None)}")


def split_arrow(text: str) -> tuple[str, str]:
    """The two words of FROM:TO."""
    start, colon, end = text.partition(":")
    if not (start and colon and end):
        raise pyseq.ArgumentError(f"vectors map: arrow is {text!r}, expected FROM:TO")
    return start, end
