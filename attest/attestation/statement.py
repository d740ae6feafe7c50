"""The statement: one month's liabilities, reserves and money, bound together (protocol.md, section 5)."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from attest.amounts import MAX_DECIMALS
from attest.attestation.pin_times import StatedPin
from attest.canonical import loads
from attest.chains.contract_account import Address
from attest.chains.family import family
from attest.chains.namespaces import ChainId
from attest.chains.records import ContractPlace, contract_place
from attest.chains.wallets import Pin
from attest.documents import AssetName, Count, Digest, Document, Text, Time
from attest.errors import AttestError, VerificationError
from attest.liabilities.tree import StatedTree
from attest.periods import Period
from attest.policy.inputs import Cover, Declaration, Price
from attest.policy.results import PolicyResults
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:attest-por:proof-of-reserves:v1"
MAX_PAYLOAD_BYTES: Final = 512 * 1024

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Many = Field(max_length=10_000)


class Sha256(Document):
    """A digest set of in-toto with the one algorithm used here."""

    sha256: Digest


Origin = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]


class Subject(Document):
    """A file the statement speaks of; it stands beside the bundle."""

    name: FileName
    digest: Sha256


class Entity(Document):
    """The exchange: its name, a domain it controls, its legal entity identifier (ISO 17442)."""

    name: Text
    origin: Origin
    lei: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{18}[0-9]{2}$")] | None = None


class Exclusion(Document):
    """A product whose balances are not in the statement, and why."""

    product: Text
    reason: Text


class Scope(Document):
    """Which products' balances the statement covers."""

    included: Annotated[tuple[Text, ...], Field(min_length=1, max_length=1000)]
    excluded: Annotated[tuple[Exclusion, ...], Field(max_length=1000)]


class Asset(Document):
    """An asset and the exponent of its base unit, 10^-decimals."""

    asset: AssetName
    decimals: Annotated[Count, Field(le=MAX_DECIMALS)]


class AssetToken(Document):
    """A token contract that counts as an asset; an address in capitals and small letters is in its EIP-55 spelling."""

    chain: ChainId
    contract: Address

    @model_validator(mode="after")
    def _is_spelled_as_eip_55_says(self) -> Self:
        try:
            family(self.chain).token_contract(self.contract)
        except AttestError as error:
            raise ValueError(error.message) from None
        return self


class StatedAsset(Asset):
    """An asset of a statement. Where it lists `tokens`, its token balances are of these contracts and of no other."""

    tokens: Annotated[tuple[AssetToken, ...], Field(min_length=1, max_length=1000)] = ()

    @property
    def contracts(self) -> frozenset[ContractPlace]:
        """The contracts that are listed, in the spelling by which two are compared."""
        return frozenset(contract_place(token.chain, token.contract) for token in self.tokens)


class Liabilities(Document):
    """One tree per asset."""

    scheme: Literal["merkle-sum-sha256/v1"]
    trees: Annotated[tuple[StatedTree, ...], Field(min_length=1, max_length=10_000)]


class EvidenceRoot(Document):
    """The root of the evidence tree, and how many records it has."""

    root: Digest
    count: Annotated[Count, Field(ge=1)]


class Tool(Document):
    """What made the statement."""

    name: Text
    version: Text


class Predicate(Document):
    """What is stated."""

    entity: Entity
    period: Period
    sequence: Count
    previous: Digest | None
    snapshot_at: Time
    issued_at: Time
    expires_at: Time
    scope: Scope
    assets: Annotated[tuple[StatedAsset, ...], Field(min_length=1, max_length=10_000)]
    chains: Annotated[tuple[StatedPin, ...], Many]
    liabilities: Liabilities
    reserves: Annotated[tuple[ReserveLine, ...], Many]
    money: Annotated[tuple[MoneyLine, ...], Many]
    held: Annotated[tuple[HeldLine, ...], Field(min_length=1, max_length=10_000)] = ()
    cover: Annotated[tuple[Cover, ...], Many]
    declarations: Annotated[tuple[Declaration, ...], Many]
    prices: Annotated[tuple[Price, ...], Many]
    policies: Annotated[tuple[PolicyResults, ...], Field(max_length=100)]
    evidence: EvidenceRoot
    tool: Tool

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The blocks of `chains`, as readers compare them."""
        return tuple(stated.pin for stated in self.chains)


class Statement(Document):
    """An in-toto Statement v1 about one period."""

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=1000)]
    predicate_type: Literal["urn:attest-por:proof-of-reserves:v1"]
    predicate: Predicate


def statement_digest(payload: bytes) -> bytes:
    """What a statement is named by: the SHA-256 of its bytes, never that of an envelope."""
    return sha256(payload).digest()


def predicate_type(payload: bytes) -> str:
    """The predicate type of an in-toto statement, read before anything else in it is believed.

    Raises `MalformedError`, or `VerificationError` when it is not one of ours.
    """
    value = loads(payload, what="the statement", max_bytes=MAX_PAYLOAD_BYTES)
    kind = value.get("predicateType") if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("_type") != STATEMENT_TYPE or kind != PREDICATE_TYPE:
        raise VerificationError(
            "statement/type",
            f"the signed payload is a {str(kind)[:80]!r}, not a {PREDICATE_TYPE!r}",
            hint="a newer version of attest may know it",
        )
    return PREDICATE_TYPE


def parse_statement(payload: bytes) -> Statement:
    """Parse strictly. Raises `MalformedError`."""
    return Statement.from_canonical(payload, what="the statement", max_bytes=MAX_PAYLOAD_BYTES)
