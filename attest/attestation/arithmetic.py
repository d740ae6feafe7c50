"""What a statement says, held against its own figures (verification step 8)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from attest.amounts import MAX_AMOUNT
from attest.attestation.coverage import customers_held
from attest.attestation.files import PUBLIC_EVIDENCE
from attest.attestation.pin_times import far_pins
from attest.attestation.statement import Predicate, StatedAsset, Statement
from attest.chains.records import ContractPlace, contract_place
from attest.documents import format_time
from attest.errors import VerificationError
from attest.liabilities.tree import EMPTY_ROOT, StatedTree
from attest.periods import ends_somewhere
from attest.policy.inputs import Declaration

MAX_VALIDITY: Final = timedelta(days=400)


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
    check_declarations(predicate.declarations, customers_held(predicate), {*leaves})
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


_OF_CONCENTRATION: Final = frozenset(("custodian", "largest-wallet"))
Customers = Mapping[tuple[str, str], int]
"""What customers' wallets held at the pin, by chain and asset, in base units."""


def check_declarations(declarations: Sequence[Declaration], customers: Customers, leaves: Collection[bytes]) -> None:
    """See that what is declared fits the figures, and rests on records of its own.

    `leaves` are those that other lines of the statement rest on. Raises `VerificationError`.
    """
    ascending("declarations", declarations, declaration_order)
    held: dict[str, int] = {}
    for (_, asset), amount in customers.items():
        held[asset] = held.get(asset, 0) + amount
    _check_concentration(declarations, held)
    windows = [item for item in declarations if item.kind == "window"]
    others = [item.evidence_leaf for item in declarations if item.kind != "window"]
    distinct = {*leaves, *others}
    require(len(distinct) == len(leaves) + len(others), "one document stands behind two lines or declarations")
    _check_windows(windows, customers, distinct)


def _check_concentration(declarations: Sequence[Declaration], held: Mapping[str, int]) -> None:
    """That each asset `held` for customers has a largest wallet, and custodians keep no more than all of it."""
    kept: dict[str, int] = {}
    largest: list[str] = []
    for item in declarations:
        if item.kind not in _OF_CONCENTRATION:
            continue
        unit, amount = str(item.unit), item.amount or 0
        said = 0 < amount <= held.get(unit, 0)
        require(said, f"{item.kind} {item.name} keeps no {unit}, or more than all customers have on chains")
        if item.kind == "largest-wallet":
            largest.append(unit)
        else:
            kept[unit] = kept.get(unit, 0) + amount
    for unit, amount in kept.items():
        require(amount <= held[unit], f"custodians keep more {unit} together than all customers have on chains")
    for unit, amount in held.items():
        count = largest.count(unit)
        require(count == (amount > 0), f"it names {count} largest wallets of {unit}, of which customers have {amount}")


def declaration_order(item: Declaration) -> tuple[str, ...]:
    """What declarations ascend by, and no two have alike."""
    times = ("" if time is None else format_time(time) for time in (item.since, item.until))
    return (item.kind, item.name, item.unit or "", *times)


def _check_windows(windows: Sequence[Declaration], customers: Customers, others: Collection[bytes]) -> None:
    """The lowest counts of a chain stand there for every asset of its customers, and rest on one record."""
    for item in windows:
        bare = item.tier is None and item.since is None and item.until is None
        require(bare, f"the window of {item.name} has other fields than a window has")
        total = customers.get((item.name, str(item.unit)))
        where = f"{item.unit} on {item.name}"
        require(total is not None, f"it has a window for {where}, where customers have no wallet")
        require((item.amount or 0) <= (total or 0), f"the lowest count of {where} is above that at the pin")
    chains = {item.name for item in windows}
    named = {(item.name, item.unit) for item in windows}
    for chain, asset in customers:
        said = chain not in chains or (chain, asset) in named
        require(said, f"it has a window on {chain}, and does not say the lowest count of {asset} there")
    leaves = {(item.name, item.evidence_leaf) for item in windows}
    require(len(leaves) == len(chains), "the lowest counts of one chain rest on several records")
    distinct = {leaf for _, leaf in leaves} | {*others}
    require(len(distinct) == len(leaves) + len(others), "a window rests on the record of another line")


def ascending(name: str, items: Sequence[Any], key: Callable[[Any], Any]) -> set[Any]:
    """The keys of `items`. Raises `VerificationError` when they do not rise."""
    keys = [key(item) for item in items]
    require(all(a < b for a, b in pairwise(keys)), f"{name} are not in ascending order, each once")
    return set(keys)


def require(condition: bool, otherwise: str) -> None:  # noqa: FBT001
    """Raises `VerificationError` with what the statement says `otherwise`."""
    if not condition:
        raise VerificationError("statement/arithmetic", f"the statement contradicts itself: {otherwise}")
