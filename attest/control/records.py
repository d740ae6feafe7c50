"""The records of who controls addresses: challenges, signatures, samples (protocol.md, 4 and 8)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from attest.chains.challenge import Challenge, Confirmation, ContractKind, Method
from attest.chains.namespaces import ChainId
from attest.chains.records import NodeNames
from attest.chains.wallets import WalletId
from attest.control.sample import Sample
from attest.documents import Base64, Count, Hex
from attest.evidence.record import Record


class ChallengeBlock(Record):
    """The header of a block that challenges name; it may be `max_age` days older than the snapshot."""

    type: Literal["control-block"]
    chain: ChainId
    height: Count
    header: Hex
    max_age: Annotated[Count, Field(ge=1, le=366)]

    @property
    def subject(self) -> str:
        """The chain of the block."""
        return f"{self.type_name} of {self.chain}"


class Challenged(Record):
    """What came back for the challenge of one of a wallet's addresses."""

    wallet: WalletId
    challenge: Challenge
    signature: Annotated[str, StringConstraints(min_length=1, max_length=2**18, pattern=r"^[!-~]*$")]

    @property
    def subject(self) -> str:
        """Whose wallet's address it is."""
        return f"{self.type_name} of wallet {self.wallet}"


class ControlProof(Challenged):
    """What the keys of one of a wallet's addresses signed, and how they did."""

    type: Literal["control"]
    method: Method

    @property
    def by_authority(self) -> bool:
        """Whether the signature counts because of who the record of an `Authority` says must sign."""
        return self.method == "eip1271-safe"

    @property
    def rests_on(self) -> str:
        """The address, and how it signed."""
        return f"{self.challenge.address} signed, {self.method}"


class ContractControl(Challenged):
    """A signature that a contract took at the pinned block, as the nodes `said_by` say: the word of a contract.

    `kind` is whose word it is. Both are missing while no node has been asked that had the state of that block.
    """

    type: Literal["control-contract"]
    kind: ContractKind | None = None
    said_by: NodeNames = ()

    @property
    def rests_on(self) -> str:
        """The contract, and by whose word it took the signature."""
        said = f"says yes by the word of {', '.join(self.said_by)}" if self.said_by else "was not asked"
        return f"{self.challenge.address}, a contract, {said}: counts as none"


class CustodyConfirmation(Record):
    """What a custodian signed with the key `public_key`, an SPKI; that the key is its own is for the reader to know.

    `sig` is the signature of a DSSE envelope whose payload is the RFC 8785 form of `confirmation`.
    """

    type: Literal["custody-confirmation"]
    public_key: Annotated[Base64, Field(min_length=1, max_length=1024)]
    confirmation: Confirmation
    sig: Annotated[Base64, Field(min_length=1, max_length=1024)]

    @property
    def subject(self) -> str:
        """Whose confirmation it is."""
        return f"{self.type_name} of {self.confirmation.custodian}"

    @property
    def rests_on(self) -> str:
        """How many addresses the custodian confirmed."""
        return f"{len(self.confirmation.challenges):,} addresses, confirmed by {self.confirmation.custodian}"


class ControlSample(Record):
    """That wallets of many addresses signed for those that a sample drew."""

    type: Literal["control-sample"]
    sample: Sample

    @property
    def rests_on(self) -> str:
        """How much was drawn, by which nonce."""
        return f"{self.sample.draws:,} draws a wallet by {self.sample.nonce.hex()}"
