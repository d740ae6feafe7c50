"""The records of the evidence: every reading, block header and document (protocol.md, section 4)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from attest.chains.contract_account import Address
from attest.chains.namespaces import ChainId
from attest.chains.wallets import WalletId
from attest.documents import Hex
from attest.evidence.record import Record


class OwnWallet(Record):
    """Where the exchange keeps coins of its own, none of which count: an address, or a Bitcoin wallet's scripts."""

    type: Literal["own-wallet"]
    chain: ChainId
    wallet: WalletId
    address: Address | None = None
    scripts: Annotated[tuple[Hex, ...], Field(min_length=1, fail_fast=True)] | None = None
