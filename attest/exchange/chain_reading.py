"""The reading of one chain of a config: its wallets at the pin and in its window, kept in a journal as it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from attest.chains.family import Reader
from attest.chains.nodes.quorum import Quorum
from attest.chains.pins import Block, PinRule
from attest.chains.records import Window
from attest.chains.wallets import Pin, Unlisted, Wallet
from attest.errors import MalformedError
from attest.evidence.record import Record, new_salt
from attest.exchange.config import Chain, Config
from attest.exchange.surroundings import Surroundings
from attest.reserves.journal import Journal
from attest.reserves.reading import ChainToRead, read_chain, read_window
from attest.reserves.window import draw


def check_nonce(config: Config, nonce: bytes | None) -> None:
    """Raises `MalformedError` when a window has no nonce to be drawn by, or a nonce no window."""
    windows = [chain.id for chain in config.chains if chain.window is not None]
    if windows and nonce is None:
        raise MalformedError(
            "window/nonce",
            f"{windows[0]} has a window in the config, and no nonce draws its blocks",
            hint="say --nonce HEX, which the auditor draws when the last block that may be drawn is there",
        )
    if nonce is not None and not windows:
        raise MalformedError(
            "window/unused",
            "a nonce was given, and no chain of the config has a window whose blocks it could draw",
            hint="give one to [[chains]]: window = { draws = 3, before = 7200, after = 300 }, for example",
        )


@dataclass(frozen=True, slots=True)
class ChainReading:
    """How a chain is read.

    `chain`: its table in the config.
    `wallets`: those of the config that are on it and count.
    `quorum`: its nodes, of which enough must agree.
    `rule`: how its block is chosen.
    `journal`: what was read before, and where the next is kept.
    `around`: what hears of it, and the time.
    """

    chain: Chain
    wallets: Sequence[Wallet]
    quorum: Quorum
    rule: PinRule
    journal: Journal
    around: Surroundings

    def at_pin(self, reader: Reader, accept: Callable[[Pin], object], before: int) -> tuple[Block, list[Record]]:
        """The pinned block, which `accept` does not refuse, and the records of what is read there.

        `before` is how many balances were read before these, for whoever hears of progress.
        Raises `AttestError`; see `read_chain`.
        """
        return read_chain(self._to_read(reader, self.wallets), accept=accept, progress=partial(self._progress, before))

    def unlisted(self, reader: Reader, block: Block) -> Sequence[Unlisted]:
        """What lies at the wallets in assets that they do not list. Raises `AttestError`."""
        kept = self.journal.unlisted(self.chain.id)
        if kept is not None:
            return kept
        return self.journal.keep_unlisted(self.chain.id, reader.unlisted(self.quorum, block, self.wallets))

    def in_window(self, reader: Reader, pin: Pin, nonce: bytes | None, before: int) -> list[Record]:
        """What customers' wallets held in the window around `pin`, and the record of how `nonce` drew its blocks.

        Nothing without a window, or without customers' wallets. `before` is how many balances were read before.
        Raises `AttestError`; see `read_window`.
        """
        customers = [wallet for wallet in self.wallets if wallet.purpose == "customer"]
        chain, window = self.chain, self.chain.window
        if window is None or not customers:
            return []
        if nonce is None:
            raise AssertionError("check_nonce refuses a window that no nonce draws")
        heights = draw(nonce, chain.id, pin.height, before=window.before, after=window.after, draws=window.draws)
        self.around.tell(f"reading customers' wallets of {chain.id} at the drawn blocks {', '.join(map(str, heights))}")
        records = read_window(self._to_read(reader, customers), pin, heights, progress=partial(self._progress, before))
        drawn = Window(
            type="window",
            salt=new_salt(),
            chain=chain.id,
            nonce=nonce.hex(),
            before=window.before,
            after=window.after,
            heights=heights,
        )
        return [drawn, *records]

    def _to_read(self, reader: Reader, wallets: Sequence[Wallet]) -> ChainToRead:
        return ChainToRead(reader, self.quorum, self.rule, wallets, self.journal, self.around.now)

    def _progress(self, before: int, done: int) -> None:
        self.around.progress("balances", before + done)
