"""The records of a GDSII file, walked before any library builds cells of them.

A file is a chain of records: two bytes of length, two that say what it is, and the data. Millions of them
are walked at once: whatever looks like the beginning of a record is looked up in a table, and the chain is
followed through these places, nearly all of which follow each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from metagen.base.errors import FormatError

Words = NDArray[np.uint16]
Codes = NDArray[np.uint8]
Places = NDArray[np.int64]
Wrong = Iterator[tuple[NDArray[np.bool_], str]]

HEADER, ENDLIB, BGNSTR, STRNAME, ENDSTR, ENDEL = 0x0002, 0x0400, 0x0502, 0x0606, 0x0700, 0x1100
SREF, AREF, TEXT, XY, SNAME, COLROW, STRING = 0x0A00, 0x0B00, 0x0C00, 0x1003, 0x1206, 0x1302, 0x1906
STRCLASS = 0x3401
ELEMENTS = (0x0800, 0x0900, SREF, AREF, TEXT, 0x1500, 0x2D00)
"""What begins an element: polygon, path, placed cell, array of these, text, node, box."""
# fmt: off
INSIDE = (
    0x0D02, 0x0E02, 0x0F03, XY, SNAME, COLROW, 0x1602, 0x1701, STRING, 0x1A01, 0x1B05, 0x1C05, 0x2102, 0x2601,
    0x2A02, 0x2B02, 0x2C06, 0x2E02, 0x2F03, 0x3003, 0x3103,
)
"""What stands in an element: layer, width, points, name, rotation and so on."""
AROUND = (
    0x0102, 0x0206, 0x0305, 0x1F06, 0x2006, 0x2202, 0x2306, 0x3202, 0x3302, 0x3602, 0x3706, 0x3800,
    0x3902, 0x3A06, 0x3B02,
)
"""What stands before the first cell: names, dates, units."""
# fmt: on
KINDS = (*ELEMENTS, *INSIDE, *AROUND, ENDLIB, BGNSTR, STRNAME, ENDSTR, ENDEL, STRCLASS)
"""All records; that of number i in this order has the code i + 1, and what is none has the code 0."""
SIZES = {0x0305: 20, 0x0D02: 6, 0x0E02: 6, 0x1602: 6, 0x1A01: 6, 0x1B05: 12, 0x1C05: 12, COLROW: 8}
SIZES |= dict.fromkeys((ENDLIB, ENDSTR, ENDEL, *ELEMENTS), 4)
"""Lengths of the records that have one length: units, layer, type, reflection, magnification, angle, …"""
LARGEST_ARRAY = 2**15 - 1
"""Columns or rows of an array: the number has a sign, so that more are read as less than none."""
KIND_BITS, FIRST, LAST = np.uint16(0xFF07), np.uint16(0x0102), np.uint16(0x3B02)
"""Kinds after the header have only these bits, and are between these; coordinates up to 16 million have none
that looks so."""
LONGEST = 1 << 15
"""Words of the longest record."""
CHUNK = 1 << 18
"""Words that are walked at once; what is made of them stays in the cache of the processor."""


class Where(IntEnum):
    """Where a file is after a record."""

    LIBRARY, NEW_CELL, CELL, ELEMENT, END = range(5)


class Part(IntEnum):
    """What an element has: points, by their length, a name, columns and rows."""

    ONE_POINT, THREE_POINTS, POINTS, NAME, TEXT, ARRAY, WRONG = (1 << i for i in range(7))


def _code(kind: int) -> int:
    return KINDS.index(kind) + 1


def _by_code(values: dict[int, int], otherwise: int = 0) -> Codes:
    """A table over the codes, of values by kind of record."""
    return np.array([0, *(values.get(kind, otherwise) for kind in KINDS)], dtype=np.uint8)


CODE = np.zeros(1 << 16, dtype=np.uint8)
CODE[list(KINDS)] = np.arange(1, len(KINDS) + 1)
SIZE = _by_code(SIZES)
AFTER = _by_code(
    dict.fromkeys((*ELEMENTS, *INSIDE), 1 << Where.ELEMENT)
    | dict.fromkeys((*AROUND, ENDSTR), 1 << Where.LIBRARY)
    | {BGNSTR: 1 << Where.NEW_CELL, ENDLIB: 1 << Where.END},
    1 << Where.CELL,
)
BEFORE = _by_code(
    dict.fromkeys((*INSIDE, ENDEL), 1 << Where.ELEMENT)
    | dict.fromkeys((*AROUND, BGNSTR, ENDLIB), 1 << Where.LIBRARY)
    | {STRNAME: 1 << Where.NEW_CELL},
    1 << Where.CELL,
)
PART = _by_code({SNAME: Part.NAME, STRING: Part.TEXT, COLROW: Part.ARRAY})
WHOLE = {
    SREF: [Part.ONE_POINT | Part.NAME],
    AREF: [Part.THREE_POINTS | Part.NAME | Part.ARRAY],
    TEXT: [Part.ONE_POINT | Part.TEXT],
}
"""The parts that elements have; those that are not listed have points."""


def _whole() -> NDArray[np.bool_]:
    """[code, parts] whether an element with these parts is whole."""
    table = np.zeros((len(KINDS) + 1, 2 * Part.WRONG), dtype=np.bool_)
    for kind in ELEMENTS:
        table[_code(kind), WHOLE.get(kind, range(1, Part.NAME))] = True
    return table


IS_WHOLE = _whole()


def check_records(path: Path, source: str) -> None:
    """Refuse a GDSII file that is no chain of records from header to end, or that no layout can have.

    Checked are the lengths of the records, that cells and elements begin and end in turn, that elements have
    their points and names, and that arrays have columns and rows.

    Args:
        path: the file, not compressed.
        source: what messages call it.

    Raises:
        FormatError: one of these is wrong.
    """
    count = path.stat().st_size // 2
    words = np.memmap(path, dtype=">u2", mode="r", shape=(count,)) if count else np.empty(0, ">u2")
    if len(words) < 3 or words[0] != 6 or words[1] != HEADER:
        raise _damaged(source, 0, "it does not begin as a GDSII file does")
    at, before, end = 3, 1 << Where.LIBRARY, 1 << Where.END
    while at < len(words) and before != end:
        chunk = words[at : at + CHUNK].astype(np.uint16)
        places, codes = _whole_elements(chunk, _chain(chunk))
        if not len(places):
            raise _damaged(source, at, "a record is cut, or has an impossible length or kind")
        for wrong, what in _faults(chunk, places, codes, before):
            if wrong.any():
                raise _damaged(source, at + int(places[wrong.argmax()]), what)
        before = int(AFTER[codes[-1]])
        at += int(places[-1]) + int(chunk[places[-1]]) // 2
    if before != end:
        raise _damaged(source, at, "it ends before its last record")


def _damaged(source: str, word: int, what: str) -> FormatError:
    return FormatError(
        f"{source}: damaged, incomplete or of another format (byte {2 * word}: {what}); export it again"
    )


def _chain(chunk: Words) -> Places:
    """Where the records begin that follow each other from the first word of a chunk on, and are whole."""
    lengths, kinds = chunk[:-1], chunk[1:]
    odd = (lengths & 1) | (kinds & ~KIND_BITS)
    likely = np.flatnonzero((odd == 0) & (lengths >= 4) & (kinds - FIRST <= LAST - FIRST))
    following = likely + (chunk[likely] >> 1)
    reached = np.zeros(len(chunk) + LONGEST, dtype=np.bool_)
    reached[0] = reached[following] = True
    kept = reached[likely] & (following <= len(chunk))
    likely, following = likely[kept], following[kept]
    breaks = np.append(np.flatnonzero(following[:-1] != likely[1:]), len(likely) - 1)
    parts, here = [likely[:0]], 0
    while (first := int(np.searchsorted(likely, here))) < len(likely) and likely[first] == here:
        last = int(breaks[np.searchsorted(breaks, first)])
        parts.append(likely[first : last + 1])
        here = int(following[last])
    return np.concatenate(parts)


def _whole_elements(chunk: Words, places: Places) -> tuple[Places, Codes]:
    """The records up to the last element that is whole, or up to the end of the library, and their codes."""
    codes = CODE[chunk[places + 1]]
    ends = np.flatnonzero(codes == _code(ENDLIB))
    if ends.size:
        count = int(ends[0]) + 1
    else:
        count = len(codes)
        while count and AFTER[codes[count - 1]] == 1 << Where.ELEMENT:
            count -= 1
    return places[:count], codes[:count]


def _faults(chunk: Words, places: Places, codes: Codes, before: int) -> Wrong:
    """Which records are wrong in each of some ways, each after those that it relies on."""
    sizes, lengths = SIZE[codes], chunk[places]
    yield (sizes != lengths) & (sizes != 0), "a record has a wrong length"
    follows = np.append(np.uint8(before), AFTER[codes[:-1]])
    yield follows & BEFORE[codes] == 0, "a record is outside of its cell or element, or in another one"
    arrays = np.flatnonzero(codes == _code(COLROW))
    sides = np.stack([chunk[places[arrays] + 2], chunk[places[arrays] + 3]])
    wrong = ((sides < 1) | (sides > LARGEST_ARRAY)).any(axis=0)
    yield _at(arrays[wrong], codes), f"columns and rows of an array are not between 1 and {LARGEST_ARRAY}"
    starts = np.flatnonzero(codes <= len(ELEMENTS))
    if starts.size:
        parts = np.bitwise_or.reduceat(_parts(codes, lengths), starts)
        wrong = ~IS_WHOLE[codes[starts], parts]
        yield _at(starts[wrong], codes), "an element lacks its points, its name, or columns and rows"


def _at(indices: Iterable[int] | Places, codes: Codes) -> NDArray[np.bool_]:
    marked = np.zeros(len(codes), dtype=np.bool_)
    marked[indices] = True
    return marked


def _parts(codes: Codes, lengths: Words) -> Codes:
    """What each record gives to its element."""
    parts = PART[codes]
    points = np.flatnonzero(codes == _code(XY))
    sizes = lengths[points]
    found = np.full(len(points), Part.POINTS, dtype=np.uint8)
    found[sizes == 12] = Part.ONE_POINT
    found[sizes == 28] = Part.THREE_POINTS
    found[(sizes & 7 != 4) | (sizes < 12)] = Part.WRONG
    parts[points] = found
    return parts
