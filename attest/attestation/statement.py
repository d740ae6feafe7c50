"""The statement: one month's liabilities, reserves and money, bound together (protocol.md, section 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, StringConstraints, model_validator

from attest.amounts import MAX_AMOUNT, MAX_DECIMALS
from attest.attestation.declared import ascending, check_declarations, require
from attest.attestation.files import PUBLIC_EVIDENCE
from attest.attestation.pin_times import StatedPin, far_pins
from attest.canonical import loads
from attest.chains.contract_account import Address
from attest.chains.family import family
from attest.chains.namespaces import ChainId
from attest.chains.wallets import Level, Pin
from attest.documents import AssetName, Count, Digest, Document, Text, Time
from attest.errors import AttestError, VerificationError
from attest.liabilities.tree import EMPTY_ROOT, StatedTree
from attest.periods import Period, ends_somewhere
from attest.policy.inputs import Cover, Declaration, Price
from attest.policy.results import PolicyResults
from attest.reserves.lines import HeldLine, MoneyLine, ReserveLine
from attest.verification.evidence.counting import ContractPlace, contract_place

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:attest-por:proof-of-reserves:v1"
MAX_VALIDITY: Final = timedelta(days=400)
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


HeldLevel = Literal[Level, "declared"]  # of money, and of coins that only a custodian speaks for, a document says it


class Coverage(NamedTuple):
    """One asset: what is owed to customers and what is held for them, in base units, by level of evidence.

    Money is `declared`; what the statement's `held` has is not in it. `fewer` is by how much what was held on a chain
    was less at a block of its window than at the pin, at the most; it has the chains that have a window. `denied` is
    what of it cannot move, since its token denies the holders transfers.
    """

    asset: str
    decimals: int
    owed: int
    held: dict[HeldLevel, int]
    fewer: Mapping[str, int] = MappingProxyType({})
    denied: int = 0

    @property
    def held_total(self) -> int:
        """What is held, over all levels of evidence."""
        return sum(self.held.values())

    @property
    def counted(self) -> int:
        """What coverage is judged by: what is held, but on each chain no more than in its window at the lowest."""
        return self.held_total - sum(self.fewer.values())

    @property
    def met(self) -> bool:
        """Whether what counts reaches what is owed."""
        return self.counted >= self.owed


def coverage(predicate: Predicate) -> tuple[Coverage, ...]:
    """Per asset, in the order of the statement. A surplus in one never offsets a shortfall in another."""
    owed = {tree.asset: tree.total for tree in predicate.liabilities.trees}
    pinned = _customers(predicate)
    result = []
    for asset, decimals in ((item.asset, item.decimals) for item in predicate.assets):
        held: dict[HeldLevel, int] = {}
        denied = 0
        for line in predicate.reserves:
            if line.asset == asset and line.purpose == "customer":
                held[line.evidence] = held.get(line.evidence, 0) + line.amount
                denied += line.denied
        for money in predicate.money:
            if money.currency == asset and money.purpose == "customer":
                held["declared"] = held.get("declared", 0) + money.amount
        fewer = {
            item.name: pinned.get((item.name, asset), 0) - (item.amount or 0)
            for item in predicate.declarations
            if (item.kind, item.unit) == ("window", asset)
        }
        result.append(Coverage(asset, decimals, owed.get(asset, 0), held, fewer, denied))
    return tuple(result)


def _customers(predicate: Predicate) -> dict[tuple[str, str], int]:
    """What customers' wallets held at the pin, by chain and asset."""
    totals: dict[tuple[str, str], int] = {}
    for line in predicate.reserves:
        if line.purpose == "customer":
            totals[line.chain, line.asset] = totals.get((line.chain, line.asset), 0) + line.amount
    return totals


def check_arithmetic(statement: Statement) -> tuple[str, ...]:
    """A sentence for each block that is read far from the snapshot for a reason, which is what step 8 calls not met.

    Everything else must hold inside a statement, whoever signed it. Raises `VerificationError`.
    """
    predicate = statement.predicate
    assets = ascending("assets", predicate.assets, lambda item: item.asset)
    chains = {pin.chain: pin for pin in predicate.chains}
    ascending("chains", predicate.chains, lambda item: item.chain)
    require(len({pin.block_hash for pin in chains.values()}) == len(chains), "one block is pinned for two chains")
    ascending("reserves", predicate.reserves, lambda item: item.key)
    ascending("held", predicate.held, lambda item: item.key)
    _subjects(statement)
    far = _times(predicate)
    _trees(predicate.liabilities.trees, assets)
    _tokens(predicate.assets)
    for line in predicate.reserves:
        require(line.asset in assets, f"reserves name {line.asset}, which is not in assets")
        require(line.chain in chains, f"reserves name {line.chain}, which has no pinned block")
        require(line.denied <= line.amount, f"more {line.asset} is denied transfers than a line has")
    for asset in assets:
        held = [line.amount for line in predicate.reserves if line.asset == asset]
        require(sum(held) <= MAX_AMOUNT, f"the reserves of {asset} do not fit in 128 bits")
    _documents(predicate, assets)
    for price in predicate.prices:
        require({price.asset, price.currency} <= assets, "a price names an asset or currency which is not in assets")
        require(price.time <= predicate.issued_at, f"the price of {price.asset} is younger than the statement")
        require(price.value > 0, f"the price of {price.asset} in {price.currency} is 0")
    ascending("prices", predicate.prices, lambda item: (item.asset, item.currency, item.basis))
    ascending("policies", predicate.policies, lambda item: item.id)
    return far


def _subjects(statement: Statement) -> None:
    """That each file is named once, and the public edition of the evidence among them, which step 9 reads."""
    names = [subject.name for subject in statement.subject]
    require(len(set(names)) == len(names), "one file stands twice among its subjects")
    require(PUBLIC_EVIDENCE in names, f"it has evidence, and {PUBLIC_EVIDENCE} is not among its subjects")


def _trees(trees: Sequence[StatedTree], assets: Collection[str]) -> None:
    """That each asset has one tree, be it of size 0, and each tree figures that fit together."""
    owed = ascending("liabilities.trees", trees, lambda item: item.asset)
    for tree in trees:
        require(tree.asset in assets, f"the tree of {tree.asset} has no entry in assets")
        sound = tree.size > 0 or (tree.root == EMPTY_ROOT and tree.total == 0)
        require(sound, f"the tree of {tree.asset} is empty, but its root or total is not")
        agrees = (tree.negative_accounts == 0) == (tree.negative_total == 0)
        require(agrees, f"the negative balances of {tree.asset} do not add up")
    for asset in assets:
        require(asset in owed, f"{asset} has no tree, so nothing says what customers are owed of it")


def _tokens(assets: Sequence[StatedAsset]) -> None:
    """That no token contract is listed twice."""
    owner: dict[ContractPlace, str] = {}
    for item in assets:
        ascending(f"tokens of {item.asset}", item.tokens, lambda token: contract_place(token.chain, token.contract))
        for chain, contract in item.contracts:
            other = owner.setdefault((chain, contract), item.asset)
            require(other == item.asset, f"the contract {contract} on {chain} counts as {other} and as {item.asset}")


def _documents(predicate: Predicate, assets: Collection[str]) -> None:
    """That money, cover, what custodians hold, and declarations name known assets, and documents of their own."""
    for money in predicate.money:
        require(money.currency in assets, f"money names {money.currency}, which is not in assets")
    for cover in predicate.cover:
        require(cover.currency in assets, f"cover names {cover.currency}, which is not in assets")
    for held in predicate.held:
        require(held.asset in assets, f"held names {held.asset}, which is not in assets")
    leaves = [line.evidence_leaf for line in predicate.money]
    leaves += [line.evidence_leaf for line in predicate.cover]
    leaves += [line.evidence_leaf for line in predicate.held]
    require(len(set(leaves)) == len(leaves), "one document stands behind two lines of money, cover or held")
    check_declarations(predicate.declarations, _customers(predicate), {*leaves})
    for item in predicate.declarations:
        require(item.unit is None or item.unit in assets, f"a declaration names {item.unit}, which is not in assets")


def _times(predicate: Predicate) -> tuple[str, ...]:
    """A sentence for each block that is read far from the snapshot for a reason."""
    require(predicate.snapshot_at <= predicate.issued_at, "it was issued before its snapshot")
    require(predicate.issued_at < predicate.expires_at, "it expires before it was issued")
    ends = ends_somewhere(predicate.period, predicate.snapshot_at)
    require(ends, f"its snapshot is not at the end of {predicate.period} in any time zone")
    require(predicate.expires_at - predicate.issued_at <= MAX_VALIDITY, "it claims to be the latest for too long")
    for pin in predicate.chains:
        require(pin.time <= predicate.issued_at, f"the pinned block of {pin.chain} is younger than the statement")
    return tuple(far_pins(predicate.chains, predicate.snapshot_at))
