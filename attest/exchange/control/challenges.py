"""`challenges.json`: what was asked of the keys of every address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from attest.chains.challenge import Challenge, Method
from attest.chains.contract_account import ContractAccount
from attest.chains.family import signing
from attest.chains.namespaces import ChainId
from attest.chains.signature_files import check_named, parse_written
from attest.chains.wallets import WalletId
from attest.control.sample import Sample
from attest.documents import Base64, Count, Document, Hex, Text
from attest.errors import UnavailableError
from attest.files import is_folder, read_bounded
from attest.signing.keys import PublicKey

CHALLENGES_FILE: Final = "challenges.json"
SIGNATURES_FOLDER: Final = "signatures"
MAX_CHALLENGES_BYTES: Final = 128 * 1024 * 1024

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}-[0-9]{4,6}$")]


class Item(Document):
    """One challenge: the name of its files, and the wallet whose address it is.

    `custodian` may confirm it, and `contract` is what is at the address, if that is one.
    """

    name: Name
    wallet: WalletId
    challenge: Challenge
    custodian: Text | None = None
    contract: ContractAccount | None = None

    def check(self, signature: str) -> Method | None:
        """How `signature` was made over the challenge; None when only a contract can say. Raises `AttestError`."""
        return signing(self.challenge.chain).check(self.challenge, signature, self.contract)

    def published(self, data: bytes) -> str:
        """The signature in a file as a wallet wrote it, in the one form that is published; it is not checked here.

        Raises `VerificationError` when the file says that it is of another text or address, `MalformedError`.
        """
        written = parse_written(data)
        if self.contract is None:
            check_named(self.challenge, written)
        return signing(self.challenge.chain).published(self.challenge, written.signature, self.contract)


class CustodianKey(Document):
    """A custodian whose confirmations are taken, and the SPKI of its key."""

    name: Text
    public_key: Base64


class Header(Document):
    """The header of the block that a chain's challenges name."""

    chain: ChainId
    height: Count
    header: Hex


class Challenges(Document):
    """`challenges.json`: what was asked of whom, the blocks that show when, and the sample that was drawn.

    A custodian's own copy, in a folder beside it, has the challenges of its wallets alone.
    """

    format: Literal["attest/challenges/v1"]
    blocks: Annotated[tuple[Header, ...], Field(fail_fast=True)]
    items: Annotated[tuple[Item, ...], Field(min_length=1, fail_fast=True)]
    custodians: Annotated[tuple[CustodianKey, ...], Field(fail_fast=True)] = ()
    sample: Sample | None = None

    @property
    def keys(self) -> dict[str, PublicKey]:
        """The keys of custodians by name. Raises `MalformedError`."""
        return {item.name: PublicKey.from_der(item.public_key, what=item.name) for item in self.custodians}

    def parts(self) -> list[Challenges]:
        """What each custodian is to see: its own challenges, and nothing of the wallets that others hold."""
        return [
            Challenges(format="attest/challenges/v1", blocks=self.blocks, items=items, custodians=(custodian,))
            for custodian in self.custodians
            if (items := tuple(item for item in self.items if item.custodian == custodian.name))
        ]

    def asked(self, custodian: str) -> list[Challenge]:
        """The challenges that a custodian may confirm."""
        return [item.challenge for item in self.items if item.custodian == custodian]


def read_challenges(folder: Path) -> Challenges:
    """The `challenges.json` in `folder`. Raises `AttestError`."""
    path = folder / CHALLENGES_FILE
    if not os.path.lexists(path):
        raise UnavailableError(
            "control/folder",
            f"{folder} has no {CHALLENGES_FILE}" if is_folder(folder) else f"there is no folder {folder}",
            hint="name the folder that `attest control challenge` made, into which the signatures were added",
        )
    data = read_bounded(path, MAX_CHALLENGES_BYTES)
    return Challenges.from_canonical(data, what=CHALLENGES_FILE, max_bytes=MAX_CHALLENGES_BYTES)
