"""Balances that are written with an exponent: which of them are exact, and how they are written in full.

Java, Spark and Python write exact decimals with exponents (`0E-18`, `1E-8`, `1E+3`). Spreadsheets and binary floating
point do too when they dropped digits (`1.23457E+12`). The missing digits tell them apart:

- Digits between the last written one and the point are zeros, or were dropped. They count as zeros only in the form
  that exact decimals alone have: a capital E, a plus sign and one digit.
- A spreadsheet rounds to six digits (`1.23457E-10`). Six digits are refused, because a seventh may be missing, unless
  the sixth is the last that the asset has.
"""

from __future__ import annotations

import re
from typing import Final

from attest.errors import MalformedError

_MAX_DIGITS: Final = 60  # that a number without an exponent may have on either side of its point
_FORM: Final = re.compile(r"(-?)([0-9]{1,60})(?:\.([0-9]{1,60}))?([eE][+-]?)([0-9]{1,3})", re.ASCII)
_SIX_DIGITS: Final = re.compile(r"-?[0-9]\.[0-9]{5}[eE][+-]?[0-9]{2,3}", re.ASCII)
_ADVICE: Final = "export the number in full, without an exponent"


def in_full(text: str, decimals: int) -> str:
    """The number in `text` without its exponent; any text without one is returned unchanged.

    `decimals`: of the asset.
    Raises `MalformedError` when digits may have been dropped, when there are more than `decimals` behind the point, or
    too many before it.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return text
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", int(match[4][1:] + match[5])
    written = len(fraction) - exponent  # digits after the point, once it has moved
    if written < 0 and (match[4] != "E+" or len(match[5]) > 1):
        raise MalformedError(
            "amount/rounded",
            f"{text[:60]!r} does not say its last {_digits(-written)} before the point, which a spreadsheet may have "
            f"dropped; {_ADVICE}",
        )
    if _SIX_DIGITS.fullmatch(text) is not None and written < decimals:
        raise MalformedError(
            "amount/rounded",
            f"{text[:60]!r} has the six digits to which spreadsheets round, and the asset has more; {_ADVICE}",
        )
    digits = whole + fraction + "0" * max(0, -written)
    point = len(digits) - max(0, written)
    before = digits[: max(0, point)].lstrip("0") or "0"
    after = ("0" * max(0, -point) + digits[max(0, point) :]).rstrip("0")
    if len(after) > decimals:
        raise MalformedError("amount/too-precise", f"{text[:60]!r} has more than {decimals} decimals")
    if len(before) > _MAX_DIGITS:
        raise MalformedError("amount/too-large", f"{text[:60]!r} does not fit in 128 bits")
    return f"{sign}{before}.{after}" if after else f"{sign}{before}"


def _digits(count: int) -> str:
    return "digit" if count == 1 else f"{count} digits"
