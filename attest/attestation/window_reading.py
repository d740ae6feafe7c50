"""Windows around the pins: read at the blocks that a nonce draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attest.attestation.config import Chain, Config
from attest.errors import MalformedError
from attest.reserves.challenge import NO_NONCE
from attest.reserves.journal import Journal
from attest.reserves.pins import PinRule
from attest.reserves.quorum import Quorum
from attest.reserves.reading import ChainReader, read_window
from attest.reserves.records import Record, Window, new_salt
from attest.reserves.wallets import Pin, Wallet
from attest.reserves.window import draw


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
