"""Exact amounts: integers of base units, their wire form, and how people read them."""

from __future__ import annotations

import re
from typing import Final

from attest.errors import MalformedError

MAX_AMOUNT: Final = 2**128 - 1
MAX_DECIMALS: Final = 36

ASSET_PATTERN: Final = r"^[A-Z0-9][A-Z0-9._-]{0,31}$"

_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,38})", re.ASCII)
_DECIMAL: Final = re.compile(r"(-?)([0-9]{1,60})(?:\.([0-9]{1,60}))?", re.ASCII)


def parse_amount(text: str) -> int:
    """The integer behind a wire amount, 0 <= amount < 2^128.

    The pattern is matched first: `int()` alone would take full-width digits, ` 12_3 ` and `+5`.
    Raises `MalformedError`.
    """
    if _AMOUNT.fullmatch(text) is None or (amount := int(text)) > MAX_AMOUNT:
        raise MalformedError("amount/malformed", f"{text[:60]!r} is not an amount of base units")
    return amount


def parse_decimal(text: str, decimals: int) -> int:
    """`"1.5"` with 8 `decimals` as 150000000; a leading minus is allowed, an exponent is not.

    Digits beyond `decimals` must be zeros. Raises `MalformedError`.
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
    """150000000 with 8 decimals as `1.50000000`, thousands separated by commas."""
    digits = str(amount).rjust(decimals + 1, "0")  # not Decimal, whose default context keeps 28 digits
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{int(whole):,}.{fraction}" if fraction else f"{int(whole):,}"


def ratio_percent(numerator: int, denominator: int) -> str | None:
    """`numerator / denominator` in percent with two decimals, rounded down; None when nothing is owed."""
    if denominator == 0:
        return None
    hundredths = numerator * 10_000 // denominator
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
