"""Which addresses of a large wallet must sign: drawn by an auditor's nonce (protocol.md, section 8)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Annotated, Final

from pydantic import Field

from attest.documents import Count, Digest, Document, Hex
from attest.merkle import tagged_hash

MAX_DRAWS: Final = 100_000
_TAG: Final = "attest/v1/control-sample"


class Sample(Document):
    """How many units of value are drawn from each wallet, by which nonce, and of which reading.

    `reading_root` is the evidence root of the reading, whose `reading_count` records are the first of the evidence: an
    auditor who was told it before the nonce was drawn knows that the reading was not chosen to fit the nonce.
    """

    draws: Annotated[Count, Field(ge=1, le=MAX_DRAWS)]
    nonce: Annotated[Hex, Field(min_length=16, max_length=64)]
    reading_root: Digest
    reading_count: Annotated[Count, Field(ge=1)]


def drawn_scripts(amounts: Mapping[bytes, int], wallet: str, sample: Sample) -> frozenset[bytes]:
    """The scripts of a wallet that must sign; `amounts` are in base units, by script.

    All of them when they are no more than the draws. Otherwise draw i takes the script that holds unit `T(tag, nonce ‖
    wallet ‖ 0x00 ‖ u32(i)) mod total` of the amounts one after another, in ascending order of scripts. Units of value,
    not addresses: a thousand addresses of dust would hide one with all the coins.
    """
    order = sorted(amounts)
    ends = list(accumulate(amounts[script] for script in order))
    if len(order) <= sample.draws or not ends[-1]:
        return frozenset(order)
    start = sample.nonce + wallet.encode() + b"\0"
    units = (int.from_bytes(tagged_hash(_TAG, start + i.to_bytes(4))) % ends[-1] for i in range(sample.draws))
    return frozenset(order[bisect_right(ends, unit)] for unit in units)
