"""The view of a verified month: everything that readers are shown of it, taken from what was verified."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from attest.attestation.control_step import customers_coins
from attest.attestation.keys import words_of
from attest.attestation.segregation import segregation
from attest.attestation.signatories import said_to_come
from attest.attestation.statement import Coverage, Predicate
from attest.attestation.verify import Step, Verified
from attest.attestation.window import lowest_found
from attest.documents import format_time
from attest.report.evaluations import policy_view, rest_view
from attest.report.numbers import Number, amount, count, height, instant, share
from attest.report.reserve import reserve_views
from attest.report.view.held import CoverageRow, Level, Part, Shares
from attest.report.view.month import (
    AuditorReport,
    CheckRow,
    DeclarationRow,
    FileRow,
    FindingRow,
    HeldRow,
    LowestRow,
    MonthView,
    NegativeRow,
    PinRow,
    RootRow,
    SignerRow,
    StepRow,
)
from attest.report.working_paper import auditor_view
from attest.reserves.covering import Value

_ROOTS: Final = 1
_TIMESTAMPS: Final = 6
_FRESHNESS: Final = 15
_EVM_MAIN: Final = (
    "1",
    "10",
    "56",
    "137",
    "8453",
    "42161",
    "43114",
)  # Ethereum, OP, BNB, Polygon, Base, Arbitrum One, Avalanche
_MAIN_NETWORKS: Final = frozenset(
    [
        "bip122:000000000019d6689c085ae165831e93",  # Bitcoin
        "bip122:12a765e31ffd4059bada1e25190f6e98",  # Litecoin
        *(f"eip155:{chain}" for chain in _EVM_MAIN),
    ]
)


def month_view(verified: Verified, bundle: bytes, *, auditor: bool = False) -> MonthView:
    """The view of the month in `bundle`, as it was `verified`; with `auditor`, that of the auditor's edition.

    It is the same whenever the month was verified, but for reports of auditors that were dated later: these are not in
    it.
    """
    predicate = verified.statement.predicate
    steps = tuple(_step(verified, step) for step in verified.steps)
    met = all(item.met for item in verified.coverage) and all(step.status != "NOT MET" for step in steps)
    evaluated = {evaluation.policy.id for evaluation in verified.evaluations}
    return MonthView(
        entity=predicate.entity.name,
        origin=predicate.entity.origin,
        lei=predicate.entity.lei,
        period=predicate.period,
        sequence=predicate.sequence,
        digest=verified.digest.hex(),
        previous=None if predicate.previous is None else predicate.previous.hex(),
        snapshot_at=instant(predicate.snapshot_at),
        issued_at=instant(predicate.issued_at),
        expires_at=instant(predicate.expires_at),
        verdict="VERIFIED" if met else "NOT MET",
        steps=steps,
        unchecked_steps=tuple(step.number for step in steps if step.status == "NOT CHECKED"),
        coverage=tuple(_coverage(verified, item) for item in verified.coverage),
        storage=tuple(_storage(verified)),
        control=tuple(_control(verified)),
        strangers=() if verified.controlled is None else verified.controlled.strangers,
        other_networks=_other_networks(predicate),
        reserves=tuple(row for item in verified.evaluations for row in reserve_views(item, verified.unchecked)),
        policies=tuple(policy_view(item, verified.unchecked) for item in verified.evaluations),
        missing_policies=tuple(item.id for item in predicate.policies if item.id not in evaluated),
        lowest=tuple(_lowest(verified)),
        pins=tuple(_pins(verified)),
        negatives=tuple(_negatives(verified)),
        included=predicate.scope.included,
        excluded=tuple((item.product, item.reason) for item in predicate.scope.excluded),
        declarations=tuple(_declarations(verified)),
        held=tuple(_held(verified)),
        checks=tuple(CheckRow(item.what, item.asset, item.verdict, item.detail) for item in verified.checks),
        signers=tuple(_signers(verified)),
        thresholds=_thresholds(verified),
        roots=tuple(_roots(verified)),
        reports=tuple(_reports(verified)),
        files=tuple(
            FileRow(item.name, item.digest.sha256.hex(), item.name not in verified.missing)
            for item in verified.statement.subject
        ),
        bundle_sha256=sha256(bundle).hexdigest(),
        tool=f"{predicate.tool.name} {predicate.tool.version}",
        auditor=auditor_view(verified) if auditor else None,
    )


def _decimals(verified: Verified) -> dict[str, int]:
    return {item.asset: item.decimals for item in verified.statement.predicate.assets}


def _step(verified: Verified, step: Step) -> StepRow:
    """A step, without what is only so at the time of verification."""
    status, detail = step.status, step.detail
    if step.number == _ROOTS and verified.trust is not None:
        pinned, last = verified.trust.roots[0], verified.trust.roots[-1]
        detail = f"trust root {pinned.version} of {pinned.document.origin} was pinned: {pinned.fingerprint}"
        if last is not pinned:
            detail += f"; it leads to trust root {last.version}: {last.fingerprint}"
    elif step.number == _TIMESTAMPS:
        for report in verified.signatories.to_come:
            detail = detail.replace(f"; {said_to_come(report, verified.at)}", "")
    elif step.number == _FRESHNESS:
        predicate = verified.statement.predicate
        status = "VERIFIED"
        detail = f"issued {format_time(predicate.issued_at)}, expires {format_time(predicate.expires_at)}"
    return StepRow(step.number, step.title, status, detail)


def _coverage(verified: Verified, item: Coverage) -> CoverageRow:
    decimals = item.decimals
    lines = verified.statement.predicate.reserves
    denied = sum(line.denied for line in lines if line.asset == item.asset and line.purpose == "customer")
    return CoverageRow(
        item.asset,
        decimals,
        amount(item.owed, decimals),
        amount(item.held_total, decimals),
        amount(item.counted, decimals) if item.counted != item.held_total else None,
        amount(denied, decimals) if denied else None,
        share(item.counted, item.owed),
        tuple(
            Level(level, amount(value, decimals), share(value, item.held_total), verified.is_rechecked(item, level))
            for level, value in item.held.items()
        ),
        item.met,
        rest_view(verified.unchecked.of_coverage(item.asset), _decimals(verified)),
    )


def _shares(asset: str, decimals: int, parts: dict[str, int]) -> Shares:
    total = sum(parts.values())
    return Shares(
        asset,
        amount(total, decimals),
        tuple(Part(kind, amount(value, decimals), share(value, total)) for kind, value in parts.items()),
    )


def _storage(verified: Verified) -> Iterator[Shares]:
    """Where what is held for customers lies: coins by their storage, and money, which is in trust."""
    predicate = verified.statement.predicate
    coins = {item.asset: item for item in segregation(predicate)}
    for asset, decimals in _decimals(verified).items():
        parts: dict[str, int] = {}
        if (kept := coins.get(asset)) is not None:
            parts = {"cold": kept.cold, "hot": kept.hot, "other": kept.other}
        money = [line.amount for line in predicate.money if (line.currency, line.purpose) == (asset, "customer")]
        if money:
            parts["trust"] = sum(money)
        if any(parts.values()):
            yield _shares(asset, decimals, parts)


def _control(verified: Verified) -> Iterator[Shares]:
    """What shows control of the customers' coins on chains; `unavailable` is what has no evidence of it here."""
    predicate = verified.statement.predicate
    decimals = _decimals(verified)
    for asset, total in sorted(customers_coins(predicate).items()):
        if verified.controlled is None:
            value = Value(held=_without_control(predicate, asset))
        else:
            value = verified.controlled.values.get(asset, Value())
        parts = {
            "signed": value.signed,
            "confirmed": value.confirmed,
            "sampled": value.sampled,
            "nothing": value.held - value.signed - value.confirmed - value.sampled,
            "unavailable": total - value.held,
        }
        if total:
            yield _shares(asset, decimals[asset], parts)


def _without_control(predicate: Predicate, asset: str) -> int:
    """The customers' coins of which the statement itself says that nothing shows control."""
    return sum(
        line.amount
        for line in predicate.reserves
        if (line.asset, line.purpose, line.control) == (asset, "customer", "none")
    )


def _other_networks(predicate: Predicate) -> tuple[str, ...]:
    chains = {line.chain for line in predicate.reserves if line.purpose == "customer"}
    return tuple(sorted(chains - _MAIN_NETWORKS))


def _lowest(verified: Verified) -> Iterator[LowestRow]:
    decimals = _decimals(verified)
    for item in verified.statement.predicate.declarations:
        if item.kind == "window":
            found = lowest_found(item, verified.rechecked)
            asset = str(item.unit)
            yield LowestRow(
                item.name,
                asset,
                amount(item.amount or 0, decimals[asset]),
                None if found is None else height(found.height),
                () if found is None else tuple(found.levels),
            )


def _pins(verified: Verified) -> Iterator[PinRow]:
    rechecked = verified.rechecked
    for pin in verified.statement.predicate.chains:
        nodes = rechecked.nodes.get(pin.chain)
        yield PinRow(
            pin.chain,
            height(pin.height),
            pin.block_hash.hex(),
            instant(pin.time),
            pin.reason or None,
            None if nodes is None else count(nodes),
            rechecked.coins.get(pin.chain),
            tuple(
                (asset, contract)
                for (asset, chain), contracts in sorted(rechecked.tokens.items())
                if chain == pin.chain
                for contract in sorted(contracts)
            ),
        )


def _negatives(verified: Verified) -> Iterator[NegativeRow]:
    decimals = _decimals(verified)
    for tree in verified.statement.predicate.liabilities.trees:
        if tree.negative_accounts:
            yield NegativeRow(
                tree.asset, count(tree.negative_accounts), amount(tree.negative_total, decimals[tree.asset])
            )


def _declarations(verified: Verified) -> Iterator[DeclarationRow]:
    """All but the lowest counts, which have rows of their own."""
    decimals = _decimals(verified)
    for item in verified.statement.predicate.declarations:
        if item.kind != "window":
            number: Number | None = None
            if item.unit is not None and item.amount is not None:
                number = amount(item.amount, decimals[item.unit])
            yield DeclarationRow(
                item.kind,
                item.name,
                item.unit,
                number,
                item.tier,
                None if item.since is None else instant(item.since),
                None if item.until is None else instant(item.until),
                item.evidence_leaf.hex(),
            )


def _held(verified: Verified) -> Iterator[HeldRow]:
    decimals = _decimals(verified)
    for line in verified.statement.predicate.held:
        yield HeldRow(
            line.asset,
            line.custodian,
            line.purpose,
            line.chain,
            amount(line.amount, decimals[line.asset]),
            line.evidence_leaf not in verified.unchecked.leaves,
        )


def _signers(verified: Verified) -> Iterator[SignerRow]:
    """The keys by role; without a trust root, nobody's role is known."""
    found = verified.signatories
    for role, fingerprints in found.counted.items():
        for fingerprint in sorted(fingerprints):
            time = found.times.get(fingerprint)
            yield SignerRow(role, fingerprint, None if time is None else instant(time))


def _thresholds(verified: Verified) -> dict[str, int]:
    root = verified.signatories.root
    return {} if root is None else {role: root.roles[role].threshold for role in verified.signatories.counted}


def _roots(verified: Verified) -> Iterator[RootRow]:
    in_force = verified.signatories.root
    for root in () if verified.trust is None else verified.trust.roots:
        yield RootRow(root.version, root.fingerprint, words_of(root.fingerprint), root is in_force)


def _reports(verified: Verified) -> Iterator[AuditorReport]:
    for item in verified.signatories.reports:
        predicate = item.report.predicate
        yield AuditorReport(
            predicate.auditor,
            predicate.standard,
            instant(predicate.issued_at),
            tuple(sorted(item.signed)),
            tuple(FindingRow(step.procedure, step.finding, step.exception) for step in predicate.procedures),
            count(item.exceptions),
        )
