"""Toy chains as a family."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from attest_toy.reader import ToyReader, check_balances, facts_of, spelled
from attest_toy.records import ToyBalance, ToyHeader

from attest.chains.family import BlockFacts, BlockReader, Dump, Family, HeaderFacts, Places, Reader, Shared
from attest.chains.nodes.rpc import Node
from attest.chains.pins import Confirmations, PinRule
from attest.chains.records import Authority, HeaderRecord, Reading, SharedProof
from attest.chains.settings import ChainSettings
from attest.chains.wallets import Pin, Wallet
from attest.errors import MalformedError
from attest.evidence.record import Record


class ToyFacts:
    """Nothing: there is no more than the nodes' word."""

    def note(self, record: Record) -> None:
        """Keep nothing."""

    def hold_against(self, dump: Dump) -> None:
        """There are no dumps."""
        raise TypeError(type(dump))

    def amount(self, reading: Reading) -> int:
        """What the reading says."""
        return reading.amount

    def check_authority(self, record: Authority) -> None:
        """There are none."""
        raise TypeError(type(record))


class ToyFamily:
    """Accounts with one balance each."""

    namespace = "toy"
    record_types: tuple[type[Record], ...] = (ToyHeader, ToyBalance)
    signing = None
    default_rule: PinRule = Confirmations(1)
    scans = False
    takes_descriptors = False
    times_ascend = True

    def is_chain(self, chain: str) -> bool:
        """Whether the reference is a number."""
        return re.fullmatch(r"toy:[0-9]{1,8}", chain, re.ASCII) is not None

    def check_settings(self, settings: ChainSettings) -> None:
        """Raises `ValueError` for what toy chains do not have."""
        if settings.tokens or settings.tokens_since is not None or settings.utxo_set is not None:
            raise ValueError(f"chain {settings.id} has accounts of one coin, neither tokens nor a utxo_set")

    def decimals(self, chain: str) -> int:  # noqa: ARG002
        """Two."""
        return 2

    def places(self, wallet: Wallet) -> tuple[str, ...]:
        """The address."""
        try:
            return (spelled(wallet.address or ""),)
        except MalformedError as error:
            raise error.within(f"wallet {wallet.id}") from None

    def place(self, chain: str, address: str) -> str:  # noqa: ARG002
        """The address in small letters."""
        return spelled(address)

    def place_name(self, place: str | bytes, asset: str) -> str:  # noqa: ARG002
        """The account."""
        return f"the account {place!s}"

    def token_contract(self, contract: str) -> str:
        """There is none."""
        return contract

    def advice(self, wallets: Sequence[Wallet], register: Places) -> Iterator[str]:  # noqa: ARG002
        """None."""
        return iter(())

    def block_reader(self, chain: str) -> BlockReader:
        """A reader of no accounts."""
        return ToyReader(chain, "", {})

    def reader(
        self,
        settings: ChainSettings,
        register: Places,
        decimals: Mapping[str, int],  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Reader:
        """A reader of the chain's accounts."""
        addresses = {wallet: str(places[0]) for wallet, places in register.places.items()}
        return ToyReader(settings.id, settings.native, addresses)

    def header(self, chain: str, encoded: bytes) -> HeaderFacts:  # noqa: ARG002
        """What the JSON says."""
        return facts_of(encoded)

    def has_work(self, chain: str, block_hash: bytes) -> bool:  # noqa: ARG002
        """True: nobody mines."""
        return True

    def facts(self, pin: Pin, pinned: BlockFacts | None) -> BlockFacts:  # noqa: ARG002
        """Nothing."""
        return ToyFacts()

    def share(self, records: Sequence[Record], hidden: Collection[str]) -> Shared:  # noqa: ARG002
        """Nothing."""
        return Shared(records)

    def needed(self, header: HeaderRecord, records: Sequence[Record], shared: Mapping[int, SharedProof]) -> set[int]:  # noqa: ARG002
        """Nothing."""
        return set()

    def read_dump(
        self,
        chain: str,
        path: Path,  # noqa: ARG002
        readings: Iterable[Reading],  # noqa: ARG002
        progress: Callable[[int], None],  # noqa: ARG002
    ) -> Dump:
        """There is none."""
        raise MalformedError("toy/dump", f"{chain} has no dumps")

    def reread(self, node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
        """Every balance anew."""
        check_balances(node, pin, readings)
        progress(len(readings))
        return len(readings)


FAMILY: Final[Family] = ToyFamily()
