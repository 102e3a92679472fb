# Work on Python's str, list and dict that is too slow in Python: counting and encoding the units of texts.
#
# A unit is a character (a Unicode code point) or a word (a run of non-space characters, as str.split() finds them).

from libc.stdint cimport int64_t
from libcpp.vector cimport vector

from pyseq._core import DTypeError, OutOfRangeError


cdef int64_t CODE_POINTS = 0x110000


def count_units(texts, bint words):
    """How often every unit occurs in an iterable of texts, as a dict."""
    _refuse_single(texts)
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


def encode_many(texts, dict ids, bint words, unknown):
    """The ids of many texts one after the other, and the number of ids of each: int64 values as bytes."""
    cdef vector[int64_t] flat
    cdef vector[int64_t] lengths
    cdef list encoded
    _refuse_single(texts)
    for text in texts:
        encoded = encode_units(_checked(text), ids, words, unknown)
        lengths.push_back(len(encoded))
        for id in encoded:
            flat.push_back(id)
    return _as_bytes(flat), _as_bytes(lengths)


cdef bytes _as_bytes(vector[int64_t]& values):
    return (<char*>values.data())[:values.size() * sizeof(int64_t)]


cdef int _refuse_single(texts) except -1:
    # A text is an iterable of texts of one character, which nobody means.
    if isinstance(texts, str):
        raise DTypeError("texts: got a single text, expected an iterable of texts (use [text])")
    return 0


cdef str _checked(text):
    if not isinstance(text, str):
        raise DTypeError(f"texts: one is of type {type(text).__name__}, expected str")
    return text
