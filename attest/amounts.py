"""Exact amounts: integers of base units, their form in documents, and their form for readers."""

from __future__ import annotations

import re
from typing import Final

from attest.errors import MalformedError

MAX_AMOUNT: Final = 2**128 - 1
MAX_DECIMALS: Final = 36  # of an asset: its base unit is 10^-decimals

ASSET_PATTERN: Final = r"^[A-Z0-9][A-Z0-9._-]{0,31}$"

_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,38})", re.ASCII)
_DECIMAL: Final = re.compile(r"(-?)([0-9]{1,60})(?:\.([0-9]{1,60}))?", re.ASCII)


def parse_amount(text: str) -> int:
    """The amount in a document's text: base units, 0 <= amount < 2^128.

    Raises `MalformedError` for any other spelling. A pattern is matched first, because `int()` alone would take
    full-width digits, ` 12_3 ` and `+5`.
    """
    if _AMOUNT.fullmatch(text) is None or (amount := int(text)) > MAX_AMOUNT:
        raise MalformedError("amount/malformed", f"{text[:60]!r} is not an amount of base units")
    return amount


def parse_decimal(text: str, decimals: int) -> int:
    """The base units of a decimal number: `1.5` with 8 `decimals` is 150000000.

    A leading minus is allowed, an exponent is not. Raises `MalformedError` for other text, for digits other than zeros
    beyond `decimals`, and for more than `MAX_AMOUNT` base units.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise MalformedError("amount/malformed", f"{text[:60]!r} is not a decimal number")
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if fraction[decimals:].strip("0"):
        raise MalformedError("amount/too-precise", f"{text[:60]!r} has more than {decimals} decimals")
    amount = int(whole + fraction[:decimals].ljust(decimals, "0"))
    if amount > MAX_AMOUNT:
        raise MalformedError("amount/too-large", f"{text[:60]!r} does not fit in 128 bits")
    return -amount if sign else amount


def format_amount(amount: int, decimals: int) -> str:
    """Base units as a decimal number for readers: 1234500000000 with 8 `decimals` is `12,345.00000000`."""
    digits = str(amount).rjust(decimals + 1, "0")  # not Decimal, whose default context keeps 28 digits
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{int(whole):,}.{fraction}" if fraction else f"{int(whole):,}"


def ratio_percent(numerator: int, denominator: int) -> str | None:
    """A ratio in percent with two decimals, rounded down: `104.39 %`; None when `denominator` is 0."""
    if denominator == 0:
        return None
    hundredths = numerator * 10_000 // denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
