# Work on Python's str, list and dict that is too slow in Python: counting and encoding the units of texts.
#
# A unit is a character (a Unicode code point) or a word (a run of non-space characters, as str.split() finds them).
# Many texts are read where they lie: no str is made for a word or a character, but for the first of each kind.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

from pyseq._core import DTypeError, OutOfRangeError

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    Py_UCS4 PyUnicode_READ(int kind, void* data, Py_ssize_t index)
    int Py_UNICODE_ISSPACE(Py_UCS4 character)
    object PyUnicode_FromKindAndData(int kind, const void* data, Py_ssize_t size)

cdef int64_t CODE_POINTS = 0x110000
cdef int64_t NONE = -1  # no token


def count_units(texts, bint words):
    """How often every unit occurs in an iterable of texts, as a dict."""
    _refuse_single(texts)
    return _count_words(texts) if words else _count_characters(texts)


cdef class _WordTable:
    """The words that it has met, numbered 0, 1, 2, ..., found by their letters (open addressing, linear probing)."""

    cdef vector[Py_UCS4] letters    # of all words, one after the other
    cdef vector[Py_ssize_t] ends    # of every word in letters
    cdef vector[uint64_t] hashes
    cdef vector[int32_t] slots      # a word, or -1; a power of two of them, at most half in use

    def __cinit__(self):
        self.slots.assign(1024, -1)

    cdef int32_t find(self, int kind, void* data, Py_ssize_t begin, Py_ssize_t end, uint64_t hash, bint add) noexcept:
        """The number of the word data[begin:end]; a new one when it is to be added, else -1."""
        cdef size_t mask = self.slots.size() - 1
        cdef size_t slot = hash & mask
        cdef int32_t word
        cdef Py_ssize_t i
        while True:
            word = self.slots[slot]
            if word < 0:
                break
            if self.hashes[word] == hash and self.equals(word, kind, data, begin, end):
                return word
            slot = (slot + 1) & mask
        if not add:
            return -1
        word = <int32_t>self.ends.size()
        for i in range(begin, end):
            self.letters.push_back(PyUnicode_READ(kind, data, i))
        self.ends.push_back(<Py_ssize_t>self.letters.size())
        self.hashes.push_back(hash)
        self.slots[slot] = word
        if 2 * self.ends.size() > self.slots.size():
            self.grow()
        return word

    cdef cbool equals(self, int32_t word, int kind, void* data, Py_ssize_t begin, Py_ssize_t end) noexcept:
        cdef Py_ssize_t first = self.begin_of(word)
        cdef Py_ssize_t i
        if self.ends[word] - first != end - begin:
            return False
        for i in range(end - begin):
            if self.letters[first + i] != PyUnicode_READ(kind, data, begin + i):
                return False
        return True

    cdef Py_ssize_t begin_of(self, int32_t word) noexcept:
        return self.ends[word - 1] if word else 0

    cdef void grow(self) noexcept:
        cdef size_t mask = 2 * self.slots.size() - 1
        cdef size_t slot, word
        self.slots.assign(mask + 1, -1)
        for word in range(self.ends.size()):
            slot = self.hashes[word] & mask
            while self.slots[slot] >= 0:
                slot = (slot + 1) & mask
            self.slots[slot] = <int32_t>word

    cdef str text(self, int32_t word):
        cdef Py_ssize_t begin = self.begin_of(word)
        return PyUnicode_FromKindAndData(4, &self.letters[begin], self.ends[word] - begin)


cdef uint64_t START = 0x9E3779B97F4A7C15ULL


cdef inline uint64_t mixed(uint64_t hash, Py_UCS4 character) noexcept:
    return (hash ^ <uint64_t>character) * 0xFF51AFD7ED558CCDULL


cdef inline uint64_t finished(uint64_t hash) noexcept:
    return hash ^ (hash >> 32)


cdef Py_ssize_t next_word(int kind, void* data, Py_ssize_t size, Py_ssize_t* begin, uint64_t* hash) noexcept:
    """The end of the first word from begin[0] on; begin[0] becomes its begin (the end, when there is none)."""
    cdef Py_ssize_t i = begin[0]
    cdef uint64_t mix = START
    cdef Py_UCS4 character
    while i < size and Py_UNICODE_ISSPACE(PyUnicode_READ(kind, data, i)):
        i += 1
    begin[0] = i
    while i < size:
        character = PyUnicode_READ(kind, data, i)
        if Py_UNICODE_ISSPACE(character):
            break
        mix = mixed(mix, character)
        i += 1
    hash[0] = finished(mix)
    return i


cdef dict _count_words(texts):
    cdef _WordTable table = _WordTable()
    cdef vector[int64_t] counts
    cdef Py_ssize_t begin, end, size
    cdef uint64_t hash = 0
    cdef int32_t word
    cdef int kind
    cdef void* data
    cdef str text
    for item in texts:
        text = _checked(item)
        kind, data, size, begin = PyUnicode_KIND(text), PyUnicode_DATA(text), len(text), 0
        while True:
            end = next_word(kind, data, size, &begin, &hash)
            if begin == end:
                break
            word = table.find(kind, data, begin, end, hash, True)
            if <size_t>word == counts.size():
                counts.push_back(0)
            counts[word] += 1
            begin = end
    return {table.text(word): counts[word] for word in range(<int32_t>counts.size())}


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
            raise _missing(unit)
        result.append(id)
    return result


def encode_many(texts, dict ids, bint words, unknown):
    """The ids of many texts one after the other, and the number of ids of each: int64 values as bytes."""
    cdef vector[int64_t] flat
    cdef vector[int64_t] lengths
    cdef int64_t otherwise = NONE if unknown is None else unknown
    _refuse_single(texts)
    if words:
        _encode_words(texts, ids, otherwise, flat, lengths)
    else:
        _encode_characters(texts, ids, otherwise, flat, lengths)
    return _as_bytes(flat), _as_bytes(lengths)


cdef int _encode_words(texts, dict ids, int64_t otherwise, vector[int64_t]& flat, vector[int64_t]& lengths) except -1:
    cdef _WordTable table = _WordTable()
    cdef vector[int64_t] values
    cdef Py_ssize_t begin, end, size
    cdef uint64_t hash = 0
    cdef int32_t word
    cdef int64_t value
    cdef int kind
    cdef void* data
    cdef str text
    cdef size_t before
    for text, value in ids.items():
        kind, data, size, begin = PyUnicode_KIND(text), PyUnicode_DATA(text), len(text), 0
        end = next_word(kind, data, size, &begin, &hash)
        if begin == 0 and 0 < end == size:  # what str.split() would never give is not looked for
            table.find(kind, data, 0, size, hash, True)
            values.push_back(value)
    for item in texts:
        text = _checked(item)
        kind, data, size, begin = PyUnicode_KIND(text), PyUnicode_DATA(text), len(text), 0
        before = flat.size()
        while True:
            end = next_word(kind, data, size, &begin, &hash)
            if begin == end:
                break
            word = table.find(kind, data, begin, end, hash, False)
            value = otherwise if word < 0 else values[word]
            if value == NONE:
                raise _missing(text[begin:end])
            flat.push_back(value)
            begin = end
        lengths.push_back(<int64_t>(flat.size() - before))
    return 0


cdef int _encode_characters(texts, dict ids, int64_t otherwise, vector[int64_t]& flat,
                            vector[int64_t]& lengths) except -1:
    # The ids of 256 code points at a time, for those that have one at all; page 0 has none.
    cdef vector[int32_t] pages = vector[int32_t](CODE_POINTS >> 8)
    cdef vector[int64_t] values = vector[int64_t](256, otherwise)
    cdef str text
    cdef Py_UCS4 character
    cdef int64_t value
    cdef size_t page
    for text, value in ids.items():
        if len(text) == 1:
            character = text[0]
            page = <size_t>character >> 8
            if pages[page] == 0:
                pages[page] = <int32_t>(values.size() >> 8)
                values.resize(values.size() + 256, otherwise)
            values[(<size_t>pages[page] << 8) + (<size_t>character & 255)] = value
    for item in texts:
        text = _checked(item)
        for character in text:
            value = values[(<size_t>pages[<size_t>character >> 8] << 8) + (<size_t>character & 255)]
            if value == NONE:
                raise _missing(character)
            flat.push_back(value)
        lengths.push_back(len(text))
    return 0


cdef object _missing(unit):
    return OutOfRangeError(f"vocabulary: {unit!r} is not in it, and it has no unknown token")


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
