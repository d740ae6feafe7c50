"""Reads a QR code of version 4-M out of the SVG that segno draws, by ISO/IEC 18004 and without its library."""

from __future__ import annotations

import re
from collections.abc import Iterator

SIZE, BORDER, FORMAT_MASK = 33, 4, 0b101010000010010
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
MASKS = (
    lambda row, column: (row + column) % 2,
    lambda row, _: row % 2,
    lambda _, column: column % 3,
    lambda row, column: (row + column) % 3,
    lambda row, column: (row // 2 + column // 3) % 2,
    lambda row, column: row * column % 2 + row * column % 3,
    lambda row, column: (row * column % 2 + row * column % 3) % 2,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2,
)


def read_qr(picture: str) -> str:
    """The text in alphanumeric mode; nothing is corrected."""
    dark = set(_modules(picture))
    column_8 = [(8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)]
    bits = [place in dark for place in (*column_8, *((row, 8) for row in (7, 5, 4, 3, 2, 1, 0)))]
    form = _number(bits) ^ FORMAT_MASK
    assert form >> 13 == 0, "the level of error correction is not M"
    masked = MASKS[form >> 10 & 7]
    data = [((row, column) in dark) ^ (masked(row, column) == 0) for row, column in _path()]
    words = [_number(data[at : at + 8]) for at in range(0, 512, 8)]
    # Two blocks of 32 words each, word by word in turn.
    text = "".join(f"{word:08b}" for word in words[::2] + words[1::2])
    assert text[:4] == "0010", "the mode is not alphanumeric"
    count, at, found = int(text[4:13], 2), 13, ""
    while len(found) < count:
        pair = count - len(found) > 1
        value = int(text[at : at + (11 if pair else 6)], 2)
        found += ALPHABET[value // 45] + ALPHABET[value % 45] if pair else ALPHABET[value]
        at += 11 if pair else 6
    return found


def _modules(picture: str) -> Iterator[tuple[int, int]]:
    """Row and column of each dark module: the lines that are drawn, without the border."""
    (path,) = re.findall(r'class="qrline" stroke="#000" d="([^"]+)"', picture)
    x = y = 0.0
    for command, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", path):
        if command == "h":
            yield from ((int(y) - BORDER, int(x) + step - BORDER) for step in range(int(first)))
            x += float(first)
        elif command == "m":
            x, y = x + float(first), y + float(second)
        else:
            x, y = float(first), float(second)


def _path() -> Iterator[tuple[int, int]]:
    """The places of the bits: two columns at a time, from the right, up and down in turn."""
    upward = True
    for right in (*range(SIZE - 1, 6, -2), 5, 3, 1):
        for row in range(SIZE - 1, -1, -1) if upward else range(SIZE):
            yield from ((row, column) for column in (right, right - 1) if not _reserved(row, column))
        upward = not upward


def _reserved(row: int, column: int) -> bool:
    finders = (row < 9 and (column < 9 or column >= SIZE - 8)) or (row >= SIZE - 8 and column < 9)
    return finders or row == 6 or column == 6 or (24 <= row <= 28 and 24 <= column <= 28)


def _number(bits: list[bool]) -> int:
    return int("".join(str(int(bit)) for bit in bits), 2)
