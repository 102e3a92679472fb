# Work on Python's str, list and dict that is too slow in Python: counting and encoding the units of texts.
#
# A unit is a character (a Unicode code point) or a word (a run of non-space characters, as str.split() finds them).

from libc.stdint cimport int64_t
from libcpp.vector cimport vector

import numpy

from pyseq._core import DTypeError, OutOfRangeError


cdef int64_t CODE_POINTS = 0x110000


def count_units(texts, bint words):
    """How often every unit occurs in an iterable of texts, as a dict."""
    return _count_words(texts) if words else _count_characters(texts)


cdef dict _count_words(texts):
    cdef dict counts = {}
    cdef str word
    for text in texts:
        for word in _checked(text).split():
            counts[word] = counts.get(word, 0) + 1
    return counts


cdef dict _count_characters(texts):
    # One counter per code point: memory that no character touches is never really taken.
    cdef vector[int64_t] counts = vector[int64_t](CODE_POINTS)
    cdef str text
    cdef Py_UCS4 character
    for item in texts:
        text = _checked(item)
        for character in text:
            counts[<size_t>character] += 1
    return {chr(code): counts[code] for code in range(CODE_POINTS) if counts[code]}


def encode_units(str text, dict ids, bint words, unknown):
    """The ids of a text's units; `unknown` (an id or None) stands for those that are not in the table."""
    cdef list result = []
    cdef object id
    for unit in (text.split() if words else text):
        id = ids.get(unit, unknown)
        if id is None:
            raise OutOfRangeError(f"vocabulary: {unit!r} is not in it, and it has no unknown token")
        result.append(id)
    return result


def encode_padded(texts, dict ids, bint words, unknown, int64_t padding):
    """The ids of many texts as an array [texts, longest], filled up with `padding`, and their lengths [texts]."""
    cdef vector[int64_t] flat
    cdef vector[int64_t] ends
    cdef size_t longest = 0
    cdef size_t begin = 0
    for text in texts:
        for id in encode_units(_checked(text), ids, words, unknown):
            flat.push_back(id)
        longest = max(longest, flat.size() - begin)
        begin = flat.size()
        ends.push_back(begin)

    matrix = numpy.full((ends.size(), longest), padding, numpy.int64)
    lengths = numpy.empty(ends.size(), numpy.int64)
    cdef int64_t[:, ::1] rows = matrix
    cdef int64_t[::1] sizes = lengths
    cdef size_t row, column
    begin = 0
    for row in range(ends.size()):
        sizes[row] = ends[row] - begin
        for column in range(<size_t>ends[row] - begin):
            rows[row, column] = flat[begin + column]
        begin = ends[row]
    return matrix, lengths


cdef str _checked(text):
    if not isinstance(text, str):
        raise DTypeError(f"texts: one is of type {type(text).__name__}, expected str")
    return text
