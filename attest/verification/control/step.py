"""Verification step 13: whose keys are shown to sign, by what the verifier knows, and what that leaves open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attest.amounts import ratio_percent
from attest.attestation.statement import Predicate
from attest.control.records import ChallengeBlock, Challenged, ContractControl, ControlSample, CustodyConfirmation
from attest.control.shown import Value
from attest.evidence.record import Record
from attest.signing.keys import PublicKey
from attest.verification.control.custody import recheck_custody
from attest.verification.control.recheck import Controlled, Terms, recheck_control
from attest.verification.steps import StepOutcome

_HUNDREDTHS: Final = 10_000
_SHOWN_BLOCKS: Final = 4


def check_control(
    predicate: Predicate,
    records: Mapping[int, Record],
    *,
    nonce: bytes | None,
    custodians: Mapping[str, PublicKey],
    exchange_keys: Sequence[PublicKey],
) -> StepOutcome[Controlled | None]:
    """Check every proof of control in `records`, and that the statement claims no more.

    Finds None where no key was asked; the blocks of challenges among `records` show that keys were, though nothing came
    back. `nonce` is what the auditor drew and `custodians` has their keys by name, as far as the verifier knows them.
    Raises `VerificationError` naming the record or the line.
    """
    claimed = [line for line in predicate.reserves if line.control != "none"]
    proofs = any(isinstance(record, Challenged | CustodyConfirmation) for record in records.values())
    asked = any(isinstance(record, ChallengeBlock | ControlSample) for record in records.values())
    if not (claimed or proofs or asked):
        nothing = ("the evidence holds no proof of control",)
        return StepOutcome(None, nothing, open=nothing)
    terms = Terms(predicate.entity.origin, predicate.period, predicate.snapshot_at, predicate.issued_at, nonce)
    custody = recheck_custody(records, terms, custodians=custodians, exchange_keys=exchange_keys)
    found = recheck_control(records, terms, predicate.reserves, custody.places)
    found = found._replace(strangers=tuple(sorted({name for name, _ in custody.unknown})))
    strangers = [
        f"the key {fingerprint} signed as {name}, and nobody here vouched for it"
        for name, fingerprint in sorted(custody.unknown)
    ]
    if strangers:
        # Who vouched for a key under a misspelt name learns so; others may be withheld from this edition.
        there = {
            record.confirmation.custodian for record in records.values() if isinstance(record, CustodyConfirmation)
        }
        strangers += [
            f"no confirmation of {name} is at hand; there are those of {', '.join(sorted(there))}"
            for name in sorted(custodians.keys() - there)
        ]
    rests_on_custodians = any(line.control == "custodian" for line in claimed)
    left = strangers if rests_on_custodians else []
    if found.sample is not None and nonce is None:
        left.append("nobody here said that an auditor drew the nonce of the sample")
    if found.sample is not None and not found.reading_seen:
        left.append("the whole reading that the sample was drawn from is not at hand")
    if any(line.key not in found.lines for line in claimed):
        left.append(f"the signatures{'' if found.is_bare else ' of the others'} are not at hand")
    held = [line for line in predicate.reserves if line.amount]
    silent = not (claimed or proofs)
    whole = len(records) == predicate.evidence.count
    said = _nothing_came_back(predicate, records, whole=whole) if silent else _sentences(predicate, found)
    told = [] if rests_on_custodians else strangers
    return StepOutcome(
        found,
        (*said, *told, *left),
        open=tuple(left),
        unmet=any(line.control == "none" for line in held) or (silent and whole),
    )


def customers_coins(predicate: Predicate) -> dict[str, int]:
    """What the statement holds for customers on chains, by asset in base units."""
    totals: dict[str, int] = {}
    for line in predicate.reserves:
        if line.purpose == "customer":
            totals[line.asset] = totals.get(line.asset, 0) + line.amount
    return totals


def _nothing_came_back(predicate: Predicate, records: Mapping[int, Record], *, whole: bool) -> list[str]:
    """That keys were asked to sign, and that the statement counts no address as one that did."""
    wallets = sum(line.wallets for line in predicate.reserves if line.amount)
    blocks = sorted({(item.chain, item.height) for item in records.values() if isinstance(item, ChallengeBlock)})
    named = "; ".join(f"block {height} of {chain}" for chain, height in blocks[:_SHOWN_BLOCKS])
    more = f" and {len(blocks) - _SHOWN_BLOCKS} more" if len(blocks) > _SHOWN_BLOCKS else ""
    asked = f"keys were asked to sign challenges ({named}{more})" if blocks else "keys were asked to sign challenges"
    came = "nothing came back" if whole else "nothing that came back is available"
    return [f"{asked}, and {came}: 0 of {wallets} balances lie at addresses that signed"]


def _sentences(predicate: Predicate, found: Controlled) -> list[str]:
    held = [line for line in predicate.reserves if line.amount]
    covered = sum(line.wallets for line in held if line.control == "signature")
    confirmed = sum(line.wallets for line in held if line.control == "custodian")
    wholly = "wholly" if found.sample is None else "wholly or by sample"
    balances = f"{covered} of {sum(line.wallets for line in held)} balances lie {wholly} at addresses that signed"
    if found.is_bare:
        return [f"the statement says that {balances}, and that custodians confirmed {confirmed}"]
    asked = f"a challenge not older than {found.max_age} days before the snapshot"
    said = [f"{found.signed} addresses signed {asked}; {balances}"]
    if found.confirmed:
        said.append(f"custodians confirmed {found.confirmed} other addresses, and with them {confirmed} balances")
    shares = [
        f"{ratio_percent(found.values.get(asset, Value()).signed, total)} of {asset}"
        for asset, total in sorted(customers_coins(predicate).items())
        if total
    ]
    if shares:
        said.append(f"of the customers' coins, keys signed for {', '.join(shares)}")
    if (sample := found.sample) is not None:
        said.append(
            f"a sample of {sample.draws} draws a wallet from the reading {sample.reading_root.hex()} stands for the "
            f"rest; a tenth of a wallet without keys would escape it with a probability of {_escape(sample.draws)}"
        )
    if found.nonces:
        said.append(f"nonces: {', '.join('none' if nonce is None else nonce.hex() for nonce in found.nonces)}")
    return [*said, *_contracts_said(found.contracts)]


def _contracts_said(contracts: Sequence[ContractControl]) -> Iterator[str]:
    """What came back for contracts, as what it is."""
    took = [record for record in contracts if record.said_by]
    if took:
        names = sorted({name for record in took for name in record.said_by})
        yield (
            f"{len(took)} contracts said yes to their signatures, by the word of {', '.join(names)}; "
            "that a contract says yes shows no key, so it counts as none"
        )
    if silent := len(contracts) - len(took):
        yield f"{silent} contracts could not be asked about their signatures, which count as none"


def _escape(draws: int) -> str:
    """How likely none of so many draws falls on a tenth of the value: 0.9^draws in percent, rounded up."""
    # Beyond a few hundred draws it is less than can be shown.
    shown = min(draws, 1_000)
    hundredths = -(-_HUNDREDTHS * 9**shown // 10**shown)
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
