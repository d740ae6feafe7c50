"""Windows around the pins: read where a nonce draws them, their lowest counts declared, and these checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attest.attestation.config import Chain, Config
from attest.errors import MalformedError, VerificationError
from attest.policy.inputs import Declaration
from attest.reserves.challenge import NO_NONCE
from attest.reserves.journal import Journal
from attest.reserves.pins import PinRule
from attest.reserves.quorum import Quorum
from attest.reserves.reading import ChainReader, read_window
from attest.reserves.recheck import Rechecked
from attest.reserves.records import Reading, Record, Window, new_salt
from attest.reserves.wallets import Pin, Wallet
from attest.reserves.window import Lowest, draw, lowest_counts


def check_nonce(config: Config, nonce: str) -> None:
    """Raises `MalformedError` when a window has no nonce to be drawn by, or a nonce no window."""
    windows = [chain.id for chain in config.chains if chain.window is not None]
    if windows and nonce == NO_NONCE:
        raise MalformedError(
            "window/nonce",
            f"{windows[0]} has a window in the config, and no nonce draws its blocks",
            hint="say --nonce HEX, which the auditor draws when the last block that may be drawn is there",
        )
    if nonce != NO_NONCE and not windows:
        raise MalformedError(
            "window/unused",
            "a nonce was given, and no chain of the config has a window whose blocks it could draw",
            hint="give one to [[chains]]: window = { draws = 3, before = 7200, after = 300 }, for example",
        )


def read_drawn(
    reader: ChainReader,
    quorum: Quorum,
    chain: Chain,
    rule: PinRule,
    pin: Pin,
    wallets: Sequence[Wallet],
    *,
    nonce: str,
    journal: Journal,
    now: datetime,
    tell: Callable[[str], None],
    progress: Callable[[int], None],
) -> list[Record]:
    """What customers' wallets held in the window of `chain` around `pin`, and the record of how its blocks were drawn.

    Nothing when there is no window, or no such wallet. Raises `AttestError`; see `read_window`.
    """
    customers = [wallet for wallet in wallets if wallet.purpose == "customer"]
    window = chain.window
    if window is None or not customers:
        return []
    heights = draw(
        bytes.fromhex(nonce), chain.id, pin.height, before=window.before, after=window.after, draws=window.draws
    )
    tell(f"reading customers' wallets of {chain.id} at the drawn blocks {', '.join(map(str, heights))}")
    records = read_window(reader, quorum, rule, pin, heights, customers, journal=journal, now=now, progress=progress)
    drawn = Window(
        type="window",
        salt=new_salt(),
        chain=chain.id,
        nonce=nonce,
        before=window.before,
        after=window.after,
        heights=heights,
    )
    return [drawn, *records]


def window_declarations(records: Sequence[Record], pins: Sequence[Pin]) -> tuple[Declaration, ...]:
    """The lowest count of each asset of customers' wallets on each chain with a window."""
    counts = lowest_counts((record for record in records if isinstance(record, Reading)), pins)
    leaves = {record.chain: record.leaf for record in records if isinstance(record, Window)}
    return tuple(
        Declaration(kind="window", name=chain, unit=asset, amount=lowest.amount, evidence_leaf=leaves[chain])
        for (chain, asset), lowest in sorted(counts.items())
        if chain in leaves
    )


def lowest_found(declaration: Declaration, rechecked: Rechecked) -> Lowest | None:
    """The lowest count that was recomputed where one is declared; None where something is not at hand."""
    window = rechecked.windows.get(declaration.name)
    return None if window is None else window.lowest.get(str(declaration.unit))


def not_recomputed(declarations: Sequence[Declaration], rechecked: Rechecked) -> list[str]:
    """The assets and chains whose declared lowest count was not recomputed."""
    return [
        f"{item.unit} on {item.name}"
        for item in declarations
        if item.kind == "window" and lowest_found(item, rechecked) is None
    ]


def check_windows(declarations: Sequence[Declaration], rechecked: Rechecked, *, all_at_hand: bool) -> None:
    """Compare the declared lowest counts with those that were recomputed.

    `all_at_hand` says that no record of the evidence is withheld. Raises `VerificationError`.
    """
    declared = [item for item in declarations if item.kind == "window"]
    named = {item.name for item in declared}
    for chain in rechecked.windows:
        if chain not in named:
            raise VerificationError(
                "recheck/window", f"a window of {chain} was read, and the statement does not say its lowest counts"
            )
    for item in declared:
        chain, window = item.name, rechecked.windows.get(item.name)
        if window is None and all_at_hand:
            raise VerificationError("recheck/window", f"the statement has a window of {chain}, the evidence has none")
        if window is not None and window.leaf != item.evidence_leaf:
            raise VerificationError("recheck/window", f"the window of {chain} is not the one that the statement names")
        lowest = lowest_found(item, rechecked)
        if lowest is not None and lowest.amount != item.amount:
            raise VerificationError(
                "recheck/window",
                f"the lowest count of {item.unit} on {chain} is {lowest.amount} at block {lowest.height}, "
                f"the statement says {item.amount}",
            )
