# Made by tests/test_stubs.py.
"""
The C++ core of pyseq.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import os
import typing
__all__: list[str] = ['ArgumentError', 'CancelToken', 'CancelledError', 'Caption', 'Captioner', 'Classifier', 'Continuation', 'CooccurrenceCounter', 'CtcAlignment', 'CtcDecoder', 'CtcHypothesis', 'CtcOptions', 'CtcPrefixes', 'CtcSpan', 'CtcStream', 'CtcVocabulary', 'CtcWord', 'DTypeError', 'DeadlineError', 'DecodingOptions', 'Ensemble', 'Error', 'FormatError', 'Fusion', 'GeneratedToken', 'GenerationOptions', 'GenerationRequest', 'GenerationService', 'Generator', 'GloveTrainer', 'Hypothesis', 'KvCache', 'LiveHypothesis', 'NgramModel', 'OpRecord', 'OutOfRangeError', 'PackedWeight', 'Profile', 'Program', 'ProgramStepModel', 'SamplingOptions', 'SearchProgress', 'SearchTrace', 'Session', 'ShapeError', 'SourceOptions', 'State', 'StreamPool', 'StreamTicket', 'Tagger', 'TextScore', 'TextStream', 'TokenAutomaton', 'Translation', 'TranslationOptions', 'Translator', 'UnsupportedError', 'Vocabulary', 'WordCounter', 'WordTrainer', 'active_isa', 'adagrad_step', 'adam_step', 'available_isas', 'build_info', 'call_op', 'clip_norm', 'clip_values', 'compiled_isas', 'ctc_align', 'ctc_collapse', 'ctc_greedy', 'ctc_segments', 'ctc_words', 'fill_zeros', 'huffman_tree', 'measure_peak', 'measure_read_bandwidth', 'move_average', 'norm', 'num_threads', 'op_cost', 'op_schemas', 'openmp_runtimes', 'pack_weight', 'read_safetensors', 'record_op', 'regex_automaton', 'regex_matches', 'rmsprop_step', 'run_op', 'scale_values', 'score', 'search', 'set_isa', 'set_num_threads', 'set_thread_backend', 'sgd_step', 'subword_buckets', 'subword_lists', 'thread_backend', 'token_trie', 'usable_cpus', 'write_file', 'write_safetensors']
class Error(Exception):
    """
    What every error of pyseq is.
    """
class ShapeError(Error, ValueError):
    """
    An array has the wrong number of axes or wrong sizes.
    """
class DTypeError(Error, TypeError):
    """
    An array has the wrong element type.
    """
class OutOfRangeError(Error, IndexError):
    """
    A token, position or row number lies outside its table.
    """
class ArgumentError(Error, ValueError):
    """
    An argument has an impossible value.
    """
class FormatError(Error, ValueError):
    """
    A file is damaged, hostile or of another format.
    """
class UnsupportedError(Error, NotImplementedError):
    """
    A well-formed request that this build or machine cannot serve.
    """
class CancelledError(Error):
    """
    The caller's CancelToken was set.
    """
class DeadlineError(Error, TimeoutError):
    """
    The caller's deadline passed.
    """
class CancelToken:
    """
    Set from any thread to make a running call stop with CancelledError.
    """
    def __init__(self) -> None:
        ...
    def cancel(self) -> None:
        """
        Stop the calls that were given this token.
        """
    def is_cancelled(self) -> bool:
        """
        Whether cancel() was called since the last reset().
        """
    def reset(self) -> None:
        """
        Make the token ready for the next call.
        """
class PackedWeight:
    """
    A weight [out, in] in the layout that kernels read: made once by pack_weight.
    """
    def __repr__(self) -> str:
        ...
    def unpack(self) -> numpy.ndarray:
        """
        The matrix [out, in] as a new array.
        """
    @property
    def dtype(self) -> str:
        """
        Storage type: "float32", "bfloat16" or "int8".
        """
    @property
    def gates(self) -> int:
        """
        Gates whose units are interleaved: 1, or 3 (GRU) and 4 (LSTM) for recurrent weights.
        """
    @property
    def nbytes(self) -> int:
        """
        Bytes held.
        """
    @property
    def shape(self) -> tuple[int, ...]:
        """
        Sizes of the weight: (out, in), or (out, in, taps...) of a convolution.
        """
class Vocabulary:
    """
    The vocabulary of a program file; pyseq.text.Vocabulary is the one to build and save.
    """
    @staticmethod
    def subwords(tokens: collections.abc.Sequence[str], unknown: typing.SupportsInt | typing.SupportsIndex | None = None, merges: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]] = [], scores: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [], splits_punctuation: bool = False) -> Vocabulary:
        """
        A vocabulary of pieces of words, found by merges or by scores.
        """
    def __init__(self, tokens: collections.abc.Sequence[str], unit: str, unknown: typing.SupportsInt | typing.SupportsIndex | None = None) -> None:
        ...
    def __len__(self) -> int:
        ...
    def decode(self, ids: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> str:
        """
        The text of ids: characters joined directly, words by single spaces, U+2581 of subwords as a space.
        """
    def encode(self, text: str) -> list[int]:
        """
        The ids of a text.
        """
    def find(self, token: str) -> int | None:
        """
        The id of a token, or None.
        """
    def split(self, text: str) -> list[str]:
        """
        The characters or words of a text; of subwords what pieces are looked for in.
        """
    def token(self, id: typing.SupportsInt | typing.SupportsIndex) -> str:
        """
        The token of an id.
        """
    @property
    def tokens(self) -> list[str]:
        """
        The tokens; token n has id n.
        """
    @property
    def unit(self) -> str:
        """
        What texts are split into: "character", "word" or "subword".
        """
    @property
    def unknown(self) -> int | None:
        """
        Id of tokens that are not in the table, or None.
        """
class TokenAutomaton:
    """
    A set of token sequences; what a search may write.
    """
    def accepts(self, ids: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> bool:
        """
        Whether a sequence is one of the set.
        """
    def allowed_after(self, ids: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], vocabulary: typing.SupportsInt | typing.SupportsIndex, room: typing.SupportsInt | typing.SupportsIndex | None = None) -> list[int]:
        """
        Tokens that may follow a beginning, where `room` tokens are left for all that follows.
        """
    @property
    def name(self) -> str:
        """
        What kind of set it is.
        """
class KvCache:
    """
    Keys and values of one attention layer that grow along time, for a number of rows.
    """
    def __init__(self, heads: typing.SupportsInt | typing.SupportsIndex, head_dim: typing.SupportsInt | typing.SupportsIndex, value_dim: typing.SupportsInt | typing.SupportsIndex, rows: typing.SupportsInt | typing.SupportsIndex, dtype: str = 'float32') -> None:
        ...
    def append(self, key: typing.Any, value: typing.Any, lengths: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None = None) -> None:
        """
        Add positions to every row: key [rows, time, heads * head_dim], value [rows, time, heads * value_dim].

        With `lengths` [rows], only the first lengths[r] positions of row r are added.
        """
    def copy(self) -> KvCache:
        """
        A copy, which shares the blocks; what either side appends is its own.
        """
    def length(self, row: typing.SupportsInt | typing.SupportsIndex) -> int:
        """
        Positions held by a row.
        """
    def reorder(self, parents: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        """
        Row r becomes what row parents[r] was; the number of rows may change.
        """
    def truncate(self, length: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Forget positions from `length` on, in every row that has more.
        """
    @property
    def dtype(self) -> str:
        """
        How keys and values are stored: float32, bfloat16 or int8.
        """
    @property
    def head_dim(self) -> int:
        """
        Size of a key of one head.
        """
    @property
    def heads(self) -> int:
        """
        Number of attention heads.
        """
    @property
    def max_length(self) -> int:
        """
        Positions of the longest row.
        """
    @property
    def nbytes(self) -> int:
        """
        Bytes of the distinct blocks held.
        """
    @property
    def rows(self) -> int:
        """
        Number of rows (streams or beams).
        """
    @property
    def value_dim(self) -> int:
        """
        Size of a value of one head.
        """
class OpRecord:
    """
    A call of an op, with what its gradients need.
    """
    def vjp(self, gradients: list[typing.Any], wanted: collections.abc.Sequence[bool]) -> list[numpy.ndarray | None]:
        """
        Gradients of the inputs that `wanted` has a flag for, None for the others.

        `gradients` has one array per output of the call, None for zero.
        """
    @property
    def label(self) -> str:
        """
        The module that ran it, or the name of the op.
        """
    @property
    def op(self) -> str:
        """
        The name of the op.
        """
class WordCounter:
    """
    Numbers the words of texts as they appear, and counts them.
    """
    def __init__(self) -> None:
        ...
    def __len__(self) -> int:
        ...
    def add_text(self, text: bytes) -> numpy.typing.NDArray[numpy.int32]:
        """
        The numbers of the words of UTF-8 text; -1 ends a line that has words.
        """
    def add_words(self, words: collections.abc.Sequence[str]) -> numpy.typing.NDArray[numpy.int32]:
        """
        The numbers of the words of one sentence, then -1.
        """
    @property
    def counts(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        How often each was met.
        """
    @property
    def words(self) -> list[str]:
        """
        The words; word n has number n.
        """
class WordTrainer:
    """
    Trains word vectors in place on a corpus of numbers.
    """
    def __init__(self, input: numpy.ndarray, output: numpy.ndarray, counts: numpy.ndarray, subword_begins: numpy.ndarray | None, subword_rows: numpy.ndarray | None, cbow: bool, cbow_mean: bool, loss: str, context: str, window: typing.SupportsInt | typing.SupportsIndex, dynamic_window: bool, negatives: typing.SupportsInt | typing.SupportsIndex, noise_power: typing.SupportsFloat | typing.SupportsIndex, subsample: typing.SupportsFloat | typing.SupportsIndex, deterministic: bool, partitions: typing.SupportsInt | typing.SupportsIndex, slice_tokens: typing.SupportsInt | typing.SupportsIndex, noise_pool: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def train(self, tokens: numpy.ndarray, position: typing.SupportsInt | typing.SupportsIndex, most: typing.SupportsInt | typing.SupportsIndex, epoch: typing.SupportsInt | typing.SupportsIndex, first_rate: typing.SupportsFloat | typing.SupportsIndex, last_rate: typing.SupportsFloat | typing.SupportsIndex, done: typing.SupportsInt | typing.SupportsIndex, total: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, float, int]:
        """
        Train on at least `most` tokens from a position on: the next position, words, loss and pairs of a sample.
        """
class CooccurrenceCounter:
    """
    Exact sums of how often words meet.
    """
    def __init__(self, words: typing.SupportsInt | typing.SupportsIndex, window: typing.SupportsInt | typing.SupportsIndex, symmetric: bool, weighs_distance: bool, memory_limit: typing.SupportsInt | typing.SupportsIndex, folder: os.PathLike[str] | str | bytes) -> None:
        ...
    def add(self, tokens: numpy.ndarray, begin: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Count the pairs whose later word is in tokens[begin:end].
        """
    def finish(self) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.float32]]:
        """
        All pairs, ascending: words, contexts, counts. Nothing can be added afterwards.
        """
    def finish_to_file(self, path: os.PathLike[str] | str | bytes) -> int:
        """
        Write them as records of int32, int32, float32; return how many.
        """
    @property
    def runs_written(self) -> int:
        """
        Files that memory did not hold.
        """
class GloveTrainer:
    """
    AdaGrad on logarithms of co-occurrence counts.
    """
    def __init__(self, symmetric: bool, x_max: typing.SupportsFloat | typing.SupportsIndex, alpha: typing.SupportsFloat | typing.SupportsIndex, learning_rate: typing.SupportsFloat | typing.SupportsIndex, clip: typing.SupportsFloat | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def arrange(self, words: typing.SupportsInt | typing.SupportsIndex, rows: numpy.ndarray, columns: numpy.ndarray, counts: numpy.ndarray, entries: numpy.ndarray) -> None:
        """
        Put the pairs into blocks in `entries`, int32 [directions, 4].
        """
    def train(self, words: numpy.ndarray, contexts: numpy.ndarray, word_sums: numpy.ndarray, context_sums: numpy.ndarray, epoch: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        Go over all pairs once, in place; return the sum of their losses.
        """
class Program:
    """
    A model as one file; shared by any number of sessions and threads.
    """
    @staticmethod
    def load(path: os.PathLike[str] | str | bytes, mmap: bool = True, dtype: str | None = None, cache_dtype: str | None = None, optimize: bool = True, remove_padding: bool = True) -> Program:
        """
        Open a program file, mapped into memory unless mmap is False.

        `dtype`: storage type of weights that products read; `cache_dtype`: of key/value caches; None leaves
        them as the file has them. `optimize`: run the compile passes; `remove_padding`: that one among them.
        """
    @staticmethod
    def parse(bytes: bytes, dtype: str | None = None, cache_dtype: str | None = None, optimize: bool = True, remove_padding: bool = True) -> Program:
        """
        The program in the bytes of a file (which are copied).
        """
    def tensor(self, name: str) -> numpy.ndarray:
        """
        A read-only array; packed weights are unpacked.
        """
    def vocabulary(self, name: str) -> Vocabulary:
        """
        A vocabulary by its name.
        """
    def with_options(self, dtype: str | None = None, cache_dtype: str | None = None, optimize: bool = True, remove_padding: bool = True) -> Program:
        """
        The same file with other options; both programs share its bytes.
        """
    @property
    def content(self) -> memoryview:
        """
        The bytes of the file.
        """
    @property
    def format_version(self) -> int:
        """
        Version of the file format.
        """
    @property
    def function_names(self) -> list[str]:
        """
        Names of the public functions.
        """
    @property
    def functions(self) -> list[dict[str, typing.Any]]:
        """
        Name, inputs, outputs and nodes of every function, bodies of loops included.
        """
    @property
    def producer(self) -> str:
        """
        The program that wrote the file.
        """
    @property
    def state(self) -> list[dict[str, typing.Any]]:
        """
        Name, kind, dtype and shape of every state.
        """
    @property
    def task(self) -> str:
        """
        What the file is for, as a JSON object.
        """
    @property
    def tensors(self) -> list[dict[str, typing.Any]]:
        """
        Name, dtype, shape, layout and bytes of every tensor.
        """
    @property
    def vocabulary_names(self) -> list[str]:
        """
        Names of the vocabularies.
        """
class State:
    """
    What running sequences carry: one row per sequence. Made by Session.new_state.
    """
    def clone(self) -> State:
        """
        A copy, whose caches share their blocks with this one.
        """
    def reorder(self, parents: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        """
        Row r becomes what row parents[r] was; the number of rows may change.
        """
    def set_tensor(self, name: str, value: typing.Any) -> None:
        """
        Replace a carry or memory by a copy of an array.
        """
    def tensor(self, name: str) -> numpy.ndarray:
        """
        A copy of a carry, or of a memory that has been written.
        """
    @property
    def rows(self) -> int:
        """
        Number of sequences.
        """
    @property
    def sources(self) -> list[int]:
        """
        For every row the source that it reads in memory.
        """
class Session:
    """
    The workspace of one caller that runs a program.
    """
    def __init__(self, program: Program) -> None:
        ...
    def new_state(self, rows: typing.SupportsInt | typing.SupportsIndex) -> State:
        """
        Zero carries and empty caches for a number of sequences.
        """
    def run(self, function: str, inputs: dict[str, typing.Any], state: State | None = None, capture: collections.abc.Sequence[str] = [], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None, observe: typing.Any = None) -> tuple[dict[str, numpy.ndarray], dict[str, numpy.ndarray]]:
        """
        Run a function and return its outputs and captures, arrays by name.

        `capture` lists module paths whose optional outputs are wanted (attention weights); `deadline` is in
        seconds from now. `observe(op, name, inputs, outputs)` is called with copies after every op.
        """
    @property
    def program(self) -> Program:
        """
        The program that it runs.
        """
    @property
    def workspace_bytes(self) -> int:
        """
        Bytes that the memory plans of this session hold.
        """
class Profile:
    """
    What the runs of a thread take, op by op, between start() and stop().
    """
    def __init__(self, only: Program | None = None) -> None:
        ...
    def clear(self) -> None:
        """
        Forget what was collected.
        """
    def events(self) -> list[numpy.ndarray]:
        """
        Arrays with an entry per call: node, depth, start, seconds, overhead, flops, bytes.
        """
    def nodes(self) -> list[dict[str, typing.Any]]:
        """
        Function, op, module path and weight type of everything that ran.
        """
    def start(self) -> None:
        """
        Collect this thread's runs from now on.
        """
    def stop(self) -> None:
        """
        Collect no more.
        """
class SamplingOptions:
    """
    How tokens are drawn; see pyseq.search_options.
    """
    def __init__(self, **kwargs: typing.Any) -> None:
        ...
    @property
    def min_p(self) -> float:
        """
        Only tokens with this share of the largest probability.
        """
    @min_p.setter
    def min_p(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def seed(self) -> int:
        """
        The same seed and stream draw the same tokens.
        """
    @seed.setter
    def seed(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def stream(self) -> int:
        """
        A number per request.
        """
    @stream.setter
    def stream(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def temperature(self) -> float:
        """
        Logits are divided by it; 0: the likeliest token.
        """
    @temperature.setter
    def temperature(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def top_k(self) -> int:
        """
        Only the k likeliest tokens; 0: all.
        """
    @top_k.setter
    def top_k(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def top_p(self) -> float:
        """
        Only the likeliest tokens that have this probability together.
        """
    @top_p.setter
    def top_p(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class DecodingOptions:
    """
    How to search; see pyseq.search_options for what each option means.
    """
    def __init__(self, **kwargs: typing.Any) -> None:
        ...
    @property
    def allowed(self) -> list[TokenAutomaton]:
        """
        Automata that accept every hypothesis.
        """
    @allowed.setter
    def allowed(self, arg1: collections.abc.Sequence[TokenAutomaton]) -> None:
        ...
    @property
    def alternatives(self) -> bool:
        """
        Whether the n_best likeliest tokens after the prefix go on each for itself.
        """
    @alternatives.setter
    def alternatives(self, arg0: bool) -> None:
        ...
    @property
    def beam_size(self) -> int:
        """
        Hypotheses kept at each step; 1 is greedy search.
        """
    @beam_size.setter
    def beam_size(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def biases(self) -> list[tuple[int, float]]:
        """
        (token, what is added to its logit) pairs.
        """
    @biases.setter
    def biases(self, arg1: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]]) -> None:
        ...
    @property
    def coverage_penalty(self) -> float:
        """
        The beta of the coverage penalty.
        """
    @coverage_penalty.setter
    def coverage_penalty(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def diversity_penalty(self) -> float:
        """
        How much lower a group ranks tokens of earlier groups.
        """
    @diversity_penalty.setter
    def diversity_penalty(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def early_exit(self) -> str:
        """
        When a source is done: 'automatic', 'first', 'patience', 'bound' or 'never'.
        """
    @early_exit.setter
    def early_exit(self, arg1: str) -> None:
        ...
    @property
    def groups(self) -> int:
        """
        Groups of a diverse beam search.
        """
    @groups.setter
    def groups(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def length_normalization(self) -> str:
        """
        'power': length ** alpha; 'gnmt': ((5 + length) / 6) ** alpha.
        """
    @length_normalization.setter
    def length_normalization(self, arg1: str) -> None:
        ...
    @property
    def length_penalty(self) -> float:
        """
        The alpha of the length normalisation.
        """
    @length_penalty.setter
    def length_penalty(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def max_length(self) -> int:
        """
        Tokens before a hypothesis is cut; 0 leaves it to the model.
        """
    @max_length.setter
    def max_length(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def min_alternative_prob(self) -> float:
        """
        How likely an alternative is at least.
        """
    @min_alternative_prob.setter
    def min_alternative_prob(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def min_length(self) -> int:
        """
        Tokens before the end mark is allowed.
        """
    @min_length.setter
    def min_length(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def n_best(self) -> int:
        """
        Hypotheses returned, at most beam_size.
        """
    @n_best.setter
    def n_best(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def no_repeat_ngram(self) -> int:
        """
        No n tokens in a row come twice; 0: they may.
        """
    @no_repeat_ngram.setter
    def no_repeat_ngram(self, arg1: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def on_step(self) -> bool:
        """
        A function that is asked after every step; reads as whether there is one.
        """
    @on_step.setter
    def on_step(self, arg1: typing.Any) -> None:
        ...
    @property
    def patience(self) -> float:
        """
        Finished hypotheses that end a search, per beam_size.
        """
    @patience.setter
    def patience(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def prefix_bias(self) -> float:
        """
        0: prefixes are forced; otherwise favoured.
        """
    @prefix_bias.setter
    def prefix_bias(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def repetition_penalty(self) -> float:
        """
        Makes tokens of the hypothesis less likely.
        """
    @repetition_penalty.setter
    def repetition_penalty(self, arg1: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def return_attention(self) -> bool:
        """
        Whether hypotheses carry attention.
        """
    @return_attention.setter
    def return_attention(self, arg0: bool) -> None:
        ...
    @property
    def sampling(self) -> SamplingOptions | None:
        """
        How tokens are drawn; None: they are searched for.
        """
    @sampling.setter
    def sampling(self, arg0: SamplingOptions | None) -> None:
        ...
    @property
    def suppress(self) -> list[int]:
        """
        Tokens that never come.
        """
    @suppress.setter
    def suppress(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def suppress_first(self) -> list[int]:
        """
        Tokens that do not come first.
        """
    @suppress_first.setter
    def suppress_first(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def suppress_sequences(self) -> list[list[int]]:
        """
        Tokens that never come one after the other.
        """
    @suppress_sequences.setter
    def suppress_sequences(self, arg1: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]]) -> None:
        ...
    @property
    def top_tokens(self) -> int:
        """
        Likeliest tokens given for every token.
        """
    @top_tokens.setter
    def top_tokens(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def trace(self) -> bool:
        """
        Whether hypotheses carry the trace of their search.
        """
    @trace.setter
    def trace(self, arg0: bool) -> None:
        ...
    @property
    def vocabulary(self) -> list[int]:
        """
        Only these tokens and the end mark come; empty: all.
        """
    @vocabulary.setter
    def vocabulary(self, arg1: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class LiveHypothesis:
    """
    A hypothesis while the search goes on.
    """
    @property
    def ids(self) -> list[int]:
        """
        Token ids without start and end marks.
        """
    @property
    def log_prob(self) -> float:
        """
        Its log probability.
        """
    @property
    def score(self) -> float:
        """
        Its score, were it finished now.
        """
class SearchProgress:
    """
    One source after a step of a search.
    """
    @property
    def alive(self) -> list[LiveHypothesis]:
        """
        Hypotheses that go on.
        """
    @property
    def done(self) -> bool:
        """
        Whether nothing is alive.
        """
    @property
    def finished(self) -> list[LiveHypothesis]:
        """
        Those that have ended, in that order.
        """
    @property
    def length(self) -> int:
        """
        Tokens of what is alive.
        """
    @property
    def source(self) -> int:
        """
        Which source.
        """
class SourceOptions:
    """
    What may differ from source to source.
    """
    def __init__(self, **kwargs: typing.Any) -> None:
        ...
    @property
    def allowed(self) -> list[TokenAutomaton]:
        """
        Automata that accept its hypotheses.
        """
    @allowed.setter
    def allowed(self, arg1: collections.abc.Sequence[TokenAutomaton]) -> None:
        ...
    @property
    def context(self) -> list[int]:
        """
        Tokens before its hypotheses; all but the last are read.
        """
    @context.setter
    def context(self, arg0: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def phrases(self) -> list[list[int]]:
        """
        Token sequences that its hypotheses contain.
        """
    @phrases.setter
    def phrases(self, arg0: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]]) -> None:
        ...
    @property
    def prefix(self) -> list[int]:
        """
        What its hypotheses begin with.
        """
    @prefix.setter
    def prefix(self, arg0: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def seed(self) -> int | None:
        """
        Of its draws.
        """
    @seed.setter
    def seed(self, arg0: typing.SupportsInt | typing.SupportsIndex | None) -> None:
        ...
    @property
    def stream(self) -> int | None:
        """
        Of its draws.
        """
    @stream.setter
    def stream(self, arg0: typing.SupportsInt | typing.SupportsIndex | None) -> None:
        ...
    @property
    def vocabulary(self) -> list[int]:
        """
        Only these tokens and the end mark come; empty: all.
        """
    @vocabulary.setter
    def vocabulary(self, arg0: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
class SearchTrace:
    """
    Every candidate of a search.
    """
    def json(self, title: str = '', separator: str = '', tokens: collections.abc.Sequence[str] | None = None) -> str:
        """
        The trace as JSON; `tokens` are the texts of all tokens.
        """
class Hypothesis:
    """
    One result of a search.
    """
    @property
    def attention(self) -> numpy.ndarray | None:
        """
        Attention [ids, source positions], or None.
        """
    @property
    def finished(self) -> bool:
        """
        False for a hypothesis that was cut at max_length, or stopped.
        """
    @property
    def ids(self) -> list[int]:
        """
        Token ids without start and end marks.
        """
    @property
    def score(self) -> float:
        """
        Log probability, divided as length_penalty says.
        """
    @property
    def token_log_probs(self) -> list[float]:
        """
        One log probability per id, and one for the end mark when finished.
        """
    @property
    def top_tokens(self) -> list[list[tuple[int, float]]]:
        """
        The likeliest tokens, as (id, log probability), for each of token_log_probs.
        """
    @property
    def trace(self) -> SearchTrace:
        """
        What the search of its source did, or None.
        """
class Ensemble:
    """
    Step models whose probabilities are averaged; see pyseq.decode.ensemble.
    """
    def __init__(self, models: collections.abc.Sequence[typing.Any], mean: str = 'probabilities', weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = []) -> None:
        ...
class Fusion:
    """
    A step model and a language model; see pyseq.decode.fuse.
    """
    def __init__(self, model: typing.Any, language_model: typing.Any, weight: typing.SupportsFloat | typing.SupportsIndex, language_start: typing.SupportsInt | typing.SupportsIndex | None = None, model_weight: typing.SupportsFloat | typing.SupportsIndex = 1.0) -> None:
        ...
class CtcPrefixes:
    """
    CTC as a step model; see pyseq.decode.ctc_prefixes.
    """
    def __init__(self, log_probs: typing.Any, lengths: typing.Any, blank: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class ProgramStepModel:
    """
    The `step` function of a program with a state, which is cloned.
    """
    def __init__(self, session: Session, state: State, attention: str | None = None, head: typing.SupportsInt | typing.SupportsIndex = -1) -> None:
        ...
class GenerationOptions:
    """
    How the tokens of a text are drawn.
    """
    def __init__(self, *, max_length: typing.SupportsInt | typing.SupportsIndex = 0, temperature: typing.SupportsFloat | typing.SupportsIndex = 1.0, top_k: typing.SupportsInt | typing.SupportsIndex = 0, top_p: typing.SupportsFloat | typing.SupportsIndex = 1.0, min_p: typing.SupportsFloat | typing.SupportsIndex = 0.0, seed: typing.SupportsInt | typing.SupportsIndex = 0, stream: typing.SupportsInt | typing.SupportsIndex = 0, allowed: collections.abc.Sequence[TokenAutomaton] = []) -> None:
        ...
class Continuation(Hypothesis):
    """
    A hypothesis of what follows a prompt.
    """
    @property
    def text(self) -> str:
        """
        What it adds to the prompt.
        """
    @property
    def tokens(self) -> list[str]:
        """
        The token of every id.
        """
class GeneratedToken:
    """
    One token of a text that is being written.
    """
    @property
    def id(self) -> int:
        """
        Its number in the vocabulary.
        """
    @property
    def log_prob(self) -> float:
        """
        Its log probability, of the model.
        """
    @property
    def text(self) -> str:
        """
        What it adds to the text.
        """
class TextScore:
    """
    How likely a model finds a text.
    """
    @property
    def log_prob(self) -> float:
        """
        Their sum.
        """
    @property
    def token_log_probs(self) -> list[float]:
        """
        The log probability of each.
        """
    @property
    def tokens(self) -> list[str]:
        """
        The tokens that were judged.
        """
class TextStream:
    """
    A text while it is being written.
    """
    def __iter__(self) -> typing.Any:
        ...
    def __next__(self) -> GeneratedToken:
        ...
class Generator:
    """
    A program whose task is "generator"; usable from many threads.
    """
    def __init__(self, program: Program) -> None:
        ...
    def generate_batch(self, prompts: collections.abc.Sequence[str], options: DecodingOptions = ..., each: collections.abc.Sequence[SourceOptions] = [], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[Continuation]]:
        """
        For each prompt the hypotheses of what follows it, best first.
        """
    def phrase(self, text: str) -> list[int]:
        """
        The ids of a text, all of whose parts the vocabulary knows.
        """
    def regex(self, pattern: str) -> TokenAutomaton:
        """
        Texts that match a pattern.
        """
    def score(self, text: str) -> TextScore:
        """
        How likely the model finds a text.
        """
    def stream(self, prompt: str, options: GenerationOptions = ..., deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: typing.Any = None) -> TextStream:
        """
        The tokens after a prompt.
        """
    def trie(self, texts: collections.abc.Sequence[str]) -> TokenAutomaton:
        """
        These texts.
        """
    @property
    def default_max_length(self) -> int:
        """
        Tokens that are written unless options say otherwise.
        """
class GenerationRequest:
    """
    One text of a service while it is being written.
    """
    def __iter__(self) -> typing.Any:
        ...
    def __next__(self) -> GeneratedToken:
        ...
    def cancel(self) -> None:
        """
        Gives up its row before the next step.
        """
    @property
    def done(self) -> bool:
        """
        Whether nothing more is written.
        """
class GenerationService:
    """
    Many texts written at the same time.
    """
    def __init__(self, generator: Generator, *, max_rows: typing.SupportsInt | typing.SupportsIndex, prompt_cache_bytes: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def close(self) -> None:
        """
        Ends all requests that are not done, and the service.
        """
    def statistics(self) -> dict[str, int]:
        """
        Counts since the service began.
        """
    def submit(self, prompt: str, options: GenerationOptions = ..., deadline: typing.SupportsFloat | typing.SupportsIndex | None = None) -> GenerationRequest:
        """
        Puts a text in the queue.
        """
class Translation(Hypothesis):
    """
    A hypothesis with its text.
    """
    @property
    def text(self) -> str:
        """
        The tokens joined.
        """
    @property
    def tokens(self) -> list[str]:
        """
        The token of every id.
        """
class Translator:
    """
    A program whose task is "translator"; usable from many threads.
    """
    def __init__(self, program: Program) -> None:
        ...
    def phrase(self, text: str) -> list[int]:
        """
        The ids of a text, all of whose parts the target vocabulary knows.
        """
    def regex(self, pattern: str) -> TokenAutomaton:
        """
        Outputs whose text matches a pattern.
        """
    def score(self, source: str, target: str, length_penalty: typing.SupportsFloat | typing.SupportsIndex = 0.0, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> Translation:
        """
        How likely the model finds a given translation.
        """
    def translate_batch(self, texts: collections.abc.Sequence[str], options: DecodingOptions = ..., target_prefixes: collections.abc.Sequence[str] = [], each: collections.abc.Sequence[SourceOptions] = [], translation: TranslationOptions = ..., deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[Translation]]:
        """
        For each text its n-best translations, best first.
        """
    def trie(self, texts: collections.abc.Sequence[str]) -> TokenAutomaton:
        """
        These outputs.
        """
    @property
    def default_max_length(self) -> int:
        """
        Longest output in tokens unless options say otherwise.
        """
class TranslationOptions:
    """
    What a translation may have beside a search; models in it must outlive the call.
    """
    def __init__(self, *, ensemble: collections.abc.Sequence[Translator] = [], ensemble_mean: str = 'probabilities', ensemble_weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [], language_model: Generator | None = None, language_model_weight: typing.SupportsFloat | typing.SupportsIndex = 0.0, replace_unknowns: bool = False, dictionary: collections.abc.Mapping[str, str] = {}) -> None:
        ...
class Classifier:
    """
    A program whose task is "classifier"; usable from many threads.
    """
    def __init__(self, program: Program) -> None:
        ...
    def classify_batch(self, texts: collections.abc.Sequence[str], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[tuple[str, float]]]:
        """
        For each text all labels with their probabilities, the most likely first.
        """
    @property
    def labels(self) -> list[str]:
        """
        All labels, in the order of the model's logits.
        """
class Caption(Hypothesis):
    """
    A hypothesis with its text.
    """
    @property
    def text(self) -> str:
        """
        The tokens joined.
        """
    @property
    def tokens(self) -> list[str]:
        """
        The token of every id.
        """
class Captioner:
    """
    A program whose task is "captioner"; usable from many threads.
    """
    def __init__(self, program: Program) -> None:
        ...
    def caption_batch(self, images: typing.Any, options: DecodingOptions = ..., each: collections.abc.Sequence[SourceOptions] = [], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[Caption]]:
        """
        For each picture its n-best captions, best first.
        """
    def phrase(self, text: str) -> list[int]:
        """
        The ids of a text, all of whose parts the vocabulary knows.
        """
    def regex(self, pattern: str) -> TokenAutomaton:
        """
        Captions that match a pattern.
        """
    def trie(self, texts: collections.abc.Sequence[str]) -> TokenAutomaton:
        """
        These captions.
        """
    @property
    def default_max_length(self) -> int:
        """
        Longest caption in tokens unless options say otherwise.
        """
    @property
    def grid(self) -> typing.Annotated[list[int], "FixedSize(2)"]:
        """
        Rows and columns of the places that attention is given for.
        """
    @property
    def image_size(self) -> typing.Annotated[list[int], "FixedSize(3)"]:
        """
        Height, width and channels of a picture.
        """
class CtcAlignment:
    """
    The labels of a path and the frames in which it shows them.
    """
    def __len__(self) -> int:
        ...
    @property
    def confidence(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        [labels] float64, the geometric mean of the label's probability over its frames.
        """
    @property
    def end(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        [labels] int64, the frame behind the last of each.
        """
    @property
    def log_prob(self) -> float:
        """
        The log-probability of the path, blanks included.
        """
    @property
    def log_probs(self) -> numpy.typing.NDArray[numpy.float64]:
        """
        [labels] float64, the log-probability of the label over its frames.
        """
    @property
    def start(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        [labels] int64, the first frame of each.
        """
    @property
    def tokens(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        [labels] int64, the labels.
        """
class CtcSpan:
    """
    A word, or words up to a pause.
    """
    @property
    def confidence(self) -> float:
        """
        The geometric mean over all frames of its labels.
        """
    @property
    def end(self) -> int:
        """
        The frame behind its last one.
        """
    @property
    def first(self) -> int:
        """
        Its first label.
        """
    @property
    def last(self) -> int:
        """
        The label behind its last one.
        """
    @property
    def start(self) -> int:
        """
        Its first frame.
        """
class NgramModel:
    """
    See pyseq.ctc.NgramModel.
    """
    @staticmethod
    def load(file: os.PathLike[str] | str | bytes) -> NgramModel:
        """
        An ARPA file, or the binary form, which is mapped.
        """
    @staticmethod
    def parse(content: bytes) -> NgramModel:
        """
        The same from the content of a file.
        """
    def __contains__(self, arg0: str) -> bool:
        ...
    def __len__(self) -> int:
        ...
    def save(self, file: os.PathLike[str] | str | bytes) -> None:
        """
        Writes the binary form.
        """
    def score(self, words: collections.abc.Sequence[str], begin: bool, end: bool) -> list[tuple[float, int, bool]]:
        """
        log10 probability, words of the n-gram that was found, and whether the word is known, for each word.
        """
    def word(self, number: typing.SupportsInt | typing.SupportsIndex) -> str:
        """
        The word of a number.
        """
    @property
    def counts(self) -> list[int]:
        """
        N-grams of each order.
        """
    @property
    def order(self) -> int:
        """
        Words of the longest n-grams.
        """
class CtcVocabulary:
    """
    The classes of a CTC model.
    """
    def __init__(self, texts: collections.abc.Sequence[str], blank: typing.SupportsInt | typing.SupportsIndex, separator: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def spell(self, text: str) -> list[int] | None:
        """
        The classes of a text, or None.
        """
class CtcOptions:
    """
    Options of a prefix beam search; see pyseq.ctc.Decoder.
    """
    sentence_begin: bool
    sentence_end: bool
    def __init__(self) -> None:
        ...
    @property
    def alpha(self) -> float:
        ...
    @alpha.setter
    def alpha(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def beam_size(self) -> int:
        ...
    @beam_size.setter
    def beam_size(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def beam_threshold(self) -> float:
        ...
    @beam_threshold.setter
    def beam_threshold(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def beta(self) -> float:
        ...
    @beta.setter
    def beta(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def blank_penalty(self) -> float:
        ...
    @blank_penalty.setter
    def blank_penalty(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def min_token_log_prob(self) -> float:
        ...
    @min_token_log_prob.setter
    def min_token_log_prob(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def n_best(self) -> int:
        ...
    @n_best.setter
    def n_best(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def tokens_per_frame(self) -> int:
        ...
    @tokens_per_frame.setter
    def tokens_per_frame(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def unknown_score(self) -> float:
        ...
    @unknown_score.setter
    def unknown_score(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
class CtcWord(CtcSpan):
    """
    A word of a hypothesis.
    """
    @property
    def text(self) -> str:
        """
        Its text.
        """
class CtcHypothesis:
    """
    One result of a prefix beam search.
    """
    @property
    def alignment(self) -> CtcAlignment:
        """
        Its tokens with their frames on the likeliest path; log_prob without blanks.
        """
    @property
    def complete(self) -> bool:
        """
        False: it ends inside a word of the lexicon.
        """
    @property
    def language_log_prob(self) -> float:
        """
        ln p of the language model.
        """
    @property
    def log_prob(self) -> float:
        """
        ln p(labels | frames), over all paths of the beam.
        """
    @property
    def score(self) -> float:
        """
        What hypotheses are ranked by.
        """
    @property
    def text(self) -> str:
        """
        Its words, with spaces between.
        """
    @property
    def tokens(self) -> list[int]:
        """
        Its classes.
        """
    @property
    def words(self) -> list[CtcWord]:
        """
        Its words with their times.
        """
class CtcStream:
    """
    A prefix beam search that takes frames as they come.
    """
    def feed(self, log_probs: typing.Any, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> None:
        """
        Goes on with log_probs [time, classes].
        """
    def hypotheses(self, final: bool = True) -> list[CtcHypothesis]:
        """
        The best hypotheses so far; `final`: as if the utterance ended here.
        """
    def reset(self) -> None:
        """
        Starts another utterance.
        """
    @property
    def frames(self) -> int:
        """
        Frames so far.
        """
class CtcDecoder:
    """
    Prefix beam search; see pyseq.ctc.Decoder.
    """
    def __init__(self, vocabulary: CtcVocabulary, options: CtcOptions, lexicon: collections.abc.Sequence[tuple[str, collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]]] = [], language_model: NgramModel | None = None, language_unit: str = 'word', hot_words: collections.abc.Sequence[tuple[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], typing.SupportsFloat | typing.SupportsIndex]] = []) -> None:
        ...
    def decode(self, log_probs: typing.Any, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[CtcHypothesis]:
        ...
    def decode_batch(self, log_probs: typing.Any, lengths: typing.Any = None, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[CtcHypothesis]]:
        ...
    def stream(self) -> CtcStream:
        ...
class Tagger:
    """
    A program whose task is "tagger"; usable from many threads.
    """
    def __init__(self, program: Program) -> None:
        ...
    def tag_batch(self, texts: collections.abc.Sequence[str], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[tuple[str, float, int, int]]]:
        """
        For each text its words: label, probability, begin and end in characters.
        """
    @property
    def labels(self) -> list[str]:
        """
        All labels, in the order of the model's logits.
        """
class StreamTicket:
    """
    Chunks that were submitted to a StreamPool.
    """
    def result(self, timeout: typing.SupportsFloat | typing.SupportsIndex | None = None) -> dict[str, numpy.ndarray]:
        """
        The outputs [streams, ...] by name; waits for them, `timeout` seconds at most.
        """
    @property
    def done(self) -> bool:
        """
        Whether they have been run, or have failed.
        """
class StreamPool:
    """
    One set of weights, many streams with states of their own.
    """
    def __init__(self, program: Program, function: str = 'step', max_streams: typing.SupportsInt | typing.SupportsIndex = 1024, max_batch: typing.SupportsInt | typing.SupportsIndex = 64, max_pending: typing.SupportsInt | typing.SupportsIndex = 4096) -> None:
        ...
    def close(self, stream: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Give a stream back; chunks that wait are cancelled.
        """
    def open(self) -> int:
        """
        A new stream, whose state is zero.
        """
    def reset(self, stream: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Zero state from the next chunk on.
        """
    def submit(self, streams: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], inputs: dict[str, typing.Any], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, wait_for_room: bool = True) -> StreamTicket:
        """
        One chunk for each of some streams: arrays [streams, ...] by name (copied).
        """
    @property
    def open_streams(self) -> int:
        """
        Streams that are open.
        """
    @property
    def pending(self) -> int:
        """
        Chunks that wait.
        """
def active_isa() -> str:
    """
    The instruction-set tier in use.
    """
def adagrad_step(values: numpy.ndarray, gradients: numpy.ndarray, sum: numpy.ndarray, ranges: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], epsilon: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    One update of values and the sum of squares in place.
    """
def adam_step(values: numpy.ndarray, gradients: numpy.ndarray, first: numpy.ndarray, second: numpy.ndarray, ranges: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], beta1: typing.SupportsFloat | typing.SupportsIndex, beta2: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex, step: typing.SupportsInt | typing.SupportsIndex, decoupled: bool) -> None:
    """
    One update of values and both moments in place; step counts from 1.
    """
def available_isas() -> list[str]:
    """
    Instruction-set tiers in this build that this machine has.
    """
def build_info() -> str:
    """
    Compiler and build type.
    """
def call_op(op: str, inputs: typing.Any, attributes: typing.Any, caches: typing.Any, wanted: typing.Any, label: str, wrapper: type) -> list[typing.Any]:
    """
    Run one op, as run_op does, at the least cost. An input may be an instance of `wrapper`, whose `data` is the
    array; then the results are made instances of it.
    """
def clip_norm(x: numpy.ndarray, max_norm: typing.SupportsFloat | typing.SupportsIndex) -> float:
    """
    Scale x in place so that its norm is at most max_norm; return the norm before.
    """
def clip_values(x: numpy.ndarray, bound: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    Clip x in place to [-bound, bound].
    """
def compiled_isas() -> list[str]:
    """
    Instruction-set tiers in this build, lowest first.
    """
def ctc_align(log_probs: typing.Any, targets: typing.Any, lengths: typing.Any = None, target_lengths: typing.Any = None, blank: typing.SupportsInt | typing.SupportsIndex = 0, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[CtcAlignment]:
    ...
def ctc_collapse(path: typing.Any, blank: typing.SupportsInt | typing.SupportsIndex = 0) -> numpy.typing.NDArray[numpy.int64]:
    ...
def ctc_greedy(log_probs: typing.Any, lengths: typing.Any = None, blank: typing.SupportsInt | typing.SupportsIndex = 0, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[CtcAlignment]:
    ...
def ctc_segments(alignment: CtcAlignment, words: collections.abc.Sequence[CtcSpan], pause: typing.SupportsInt | typing.SupportsIndex) -> list[CtcSpan]:
    ...
def ctc_words(alignment: CtcAlignment, separator: typing.SupportsInt | typing.SupportsIndex) -> list[CtcSpan]:
    ...
def fill_zeros(x: numpy.ndarray) -> None:
    """
    Set x to zero.
    """
def huffman_tree(counts: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.uint8]]:
    """
    The ways from the root to each word: where they begin, inner nodes, turns.
    """
def measure_peak(dtype: str, seconds: typing.SupportsFloat | typing.SupportsIndex = 0.2) -> float:
    """
    Operations per second on values in registers, on all threads in use: multiply-adds of float32, dot
    products of bfloat16 or int8, in the instructions of the tier in use.
    """
def measure_read_bandwidth(bytes_per_thread: typing.SupportsInt | typing.SupportsIndex, seconds: typing.SupportsFloat | typing.SupportsIndex = 0.2) -> float:
    """
    Bytes per second that all threads in use read together, each its own bytes over and over.
    """
def move_average(average: numpy.ndarray, values: numpy.ndarray, rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    average += rate * (values - average), in place.
    """
def norm(x: numpy.ndarray) -> float:
    """
    The square root of the sum of squares; not finite when a value is not.
    """
def num_threads() -> int:
    """
    Threads that a call may use: the usable CPUs, unless PYSEQ_NUM_THREADS or set_num_threads says otherwise.
    """
def op_cost(name: str, inputs: dict[str, typing.Any], attributes: dict[str, typing.Any] = {}) -> tuple[float, float]:
    """
    Floating point operations and bytes read and written of one call; inputs by name, caches among them.
    """
def op_schemas() -> list[dict[str, typing.Any]]:
    """
    Name, inputs, attributes and outputs of every op; 'differentiable' names the inputs with a gradient.
    """
def openmp_runtimes() -> list[str]:
    """
    File names of the OpenMP libraries loaded in this process.
    """
def pack_weight(weight: typing.Any, gates: typing.SupportsInt | typing.SupportsIndex = 1, dtype: str = 'float32') -> PackedWeight:
    """
    A float32 matrix [gates * units, in] in the layout that kernels read (a copy), stored as "float32",
    "bfloat16" or "int8" (symmetric, one scale per row).
    """
def read_safetensors(path: os.PathLike[str] | str | bytes, mmap: bool = True) -> tuple[dict[str, str], dict[str, numpy.ndarray]]:
    """
    Metadata and read-only arrays of a safetensors file, mapped into memory unless mmap is False.
    """
def record_op(name: str, inputs: list[typing.Any], attributes: dict[str, typing.Any], wanted: list[str], label: str) -> tuple[list[numpy.ndarray | None], OpRecord | None]:
    """
    Run one op as run_op does, and keep what its gradients need.

    Returns the outputs, with those optional ones that the gradients need, and the record; None for an op
    whose outputs are all integers.
    """
def regex_automaton(pattern: str, token_texts: collections.abc.Sequence[str], separator: str = '') -> TokenAutomaton:
    """
    Accepts the sequences whose texts, joined, match the whole pattern; tokens without text are never allowed.
    """
def regex_matches(pattern: str, text: str) -> bool:
    """
    Whether a whole text matches a pattern.
    """
def rmsprop_step(values: numpy.ndarray, gradients: numpy.ndarray, square: numpy.ndarray, mean: numpy.ndarray | None, buffer: numpy.ndarray | None, ranges: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], alpha: typing.SupportsFloat | typing.SupportsIndex, epsilon: typing.SupportsFloat | typing.SupportsIndex, momentum: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    One update of values and the moments that are given in place.
    """
def run_op(name: str, inputs: list[typing.Any], caches: list[typing.Any] = [], attributes: dict[str, typing.Any] = {}, wanted: list[str] = [], label: str = '', deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[numpy.ndarray | None]:
    """
    Run one op. Inputs are in the order of op_schemas() without the caches, None where absent.

    `wanted` names the optional outputs to compute. The result has every output of the op, None for an
    optional one that was not wanted. `label` starts every error message (default: the op's name).
    """
def scale_values(x: numpy.ndarray, factor: typing.SupportsFloat | typing.SupportsIndex) -> None:
    """
    Multiply x in place.
    """
def score(step_model: typing.Any, targets: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]], start: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex, length_penalty: typing.SupportsFloat | typing.SupportsIndex = 0.0, with_end: bool = True, deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[Hypothesis]:
    """
    Log probabilities of given targets, one hypothesis per row.
    """
def search(step_model: typing.Any, sources: typing.SupportsInt | typing.SupportsIndex, start: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex, options: DecodingOptions = ..., prefixes: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]] = [], each: collections.abc.Sequence[SourceOptions] = [], deadline: typing.SupportsFloat | typing.SupportsIndex | None = None, cancel: CancelToken | None = None) -> list[list[Hypothesis]]:
    """
    Greedy or beam search: for each source its hypotheses, best first.

    `step_model` is a ProgramStepModel or an object with step(tokens [rows, time] int64) -> logits [rows,
    time, vocabulary] float32, reorder(parents [rows] int64) and, if it has one, attention() -> [rows,
    time, source positions] of the last step or None.
    """
def set_isa(name: str) -> None:
    """
    Switch to another instruction-set tier (tests, benchmarks), not while another thread computes.
    """
def set_num_threads(count: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Set how many threads a call may use; for calls that start afterwards.
    """
def set_thread_backend(name: str) -> None:
    """
    Force a thread backend: "openmp", "pool" or "serial"; "automatic" lets pyseq choose.
    """
def sgd_step(values: numpy.ndarray, gradients: numpy.ndarray, buffer: numpy.ndarray | None, ranges: collections.abc.Sequence[tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex, typing.SupportsFloat | typing.SupportsIndex]], momentum: typing.SupportsFloat | typing.SupportsIndex, dampening: typing.SupportsFloat | typing.SupportsIndex, nesterov: bool) -> None:
    """
    One update of values in place. Ranges: (begin, end, learning rate, weight decay).
    """
def subword_buckets(word: str, min_n: typing.SupportsInt | typing.SupportsIndex, max_n: typing.SupportsInt | typing.SupportsIndex, buckets: typing.SupportsInt | typing.SupportsIndex) -> list[int]:
    """
    fastText's numbers of the character n-grams of a word.
    """
def subword_lists(words: collections.abc.Sequence[str], min_n: typing.SupportsInt | typing.SupportsIndex, max_n: typing.SupportsInt | typing.SupportsIndex, buckets: typing.SupportsInt | typing.SupportsIndex) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int32]]:
    """
    For every word the rows of itself and its n-grams (words + bucket): where lists begin, and all rows.
    """
def thread_backend() -> str:
    """
    The thread backend in force.
    """
def token_trie(sequences: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]]) -> TokenAutomaton:
    """
    Accepts exactly these sequences.
    """
def usable_cpus() -> int:
    """
    CPUs that this process may use (affinity and cgroup quota).
    """
def write_file(path: os.PathLike[str] | str | bytes, bytes: bytes) -> None:
    """
    Write a file so that a crash leaves the old one or the new one, never half of it.
    """
def write_safetensors(path: os.PathLike[str] | str | bytes | None, metadata: collections.abc.Mapping[str, str], tensors: dict[str, typing.Any]) -> bytes | None:
    """
    Write arrays and packed weights as a safetensors file, atomically; with path None, return its bytes.
    """
__version__: str
