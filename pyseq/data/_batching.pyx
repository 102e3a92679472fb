# Work on lists of sequences of any length that is too slow in Python: putting sequences of like lengths together, and
# filling padded arrays.

from cpython.number cimport PyNumber_Index
from libc.stdint cimport int64_t
from libcpp.algorithm cimport stable_sort
from libcpp.vector cimport vector

from pyseq._core import DTypeError


cdef extern from *:
    """
    namespace {
    struct ShorterFirst {
      const int64_t* lengths;
      bool operator()(int64_t a, int64_t b) const { return lengths[a] < lengths[b]; }
    };
    }
    """
    cdef cppclass ShorterFirst:
        ShorterFirst()
        const int64_t* lengths


def plan_batches(const int64_t[::1] order, const int64_t[::1] lengths, int64_t batch_size, int64_t max_tokens,
                 int64_t pool):
    """Cut `order` into batches of examples of like lengths.

    Runs of `pool` examples are sorted by length (equal ones stay in order) and cut: a batch has at most batch_size
    examples, and at most max_tokens positions with its padding, unless a single example is longer. 0 is no limit.
    Returns the examples one batch after the other and the end of every batch: int64 values as bytes.
    """
    cdef vector[int64_t] examples = vector[int64_t](order.shape[0])
    cdef vector[int64_t] ends
    cdef ShorterFirst shorter
    cdef int64_t n = order.shape[0], begin, end, i, first, longest, length
    for i in range(n):
        examples[<size_t>i] = order[i]
    if n == 0:
        return b"", b""
    shorter.lengths = &lengths[0]
    for begin in range(0, n, pool):
        end = min(begin + pool, n)
        stable_sort(examples.begin() + begin, examples.begin() + end, shorter)
        first, longest = begin, 0
        for i in range(begin, end):
            length = max(longest, lengths[examples[<size_t>i]])
            if i > first and ((batch_size and i - first == batch_size) or
                              (max_tokens and length * (i - first + 1) > max_tokens)):
                ends.push_back(i)
                first, length = i, lengths[examples[<size_t>i]]
            longest = length
        ends.push_back(end)
    return _as_bytes(examples), _as_bytes(ends)


def fill_padded(list sequences, int64_t[:, ::1] padded):
    """Write sequences of integers (lists or tuples) to the rows of an array, from the left."""
    cdef Py_ssize_t row, column
    cdef object sequence
    for row in range(len(sequences)):
        sequence = sequences[row]
        if isinstance(sequence, list):
            _fill_row_from_list(<list>sequence, padded[row])
        elif isinstance(sequence, tuple):
            _fill_row_from_tuple(<tuple>sequence, padded[row])
        else:
            raise DTypeError(f"pad: sequence {row} is of type {type(sequence).__name__}, expected list or tuple")


cdef int _fill_row_from_list(list values, int64_t[::1] row) except -1:
    cdef Py_ssize_t i
    for i in range(len(values)):
        row[i] = values[i] if type(values[i]) is int else PyNumber_Index(values[i])
    return 0


cdef int _fill_row_from_tuple(tuple values, int64_t[::1] row) except -1:
    cdef Py_ssize_t i
    for i in range(len(values)):
        row[i] = values[i] if type(values[i]) is int else PyNumber_Index(values[i])
    return 0


cdef bytes _as_bytes(vector[int64_t]& values):
    return (<char*>values.data())[:values.size() * sizeof(int64_t)]
