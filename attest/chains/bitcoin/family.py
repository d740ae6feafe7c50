"""Bitcoin, Litecoin and their test networks, as a family of chains."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.chains.bitcoin.header import HEADER_BYTES, has_work, header_hash, header_time
from attest.chains.bitcoin.networks import DECIMALS, network
from attest.chains.bitcoin.records import BitcoinDescriptor, BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet
from attest.chains.bitcoin.signing import BitcoinSigning
from attest.chains.family import BlockFacts, BlockReader, Dump, Family, HeaderFacts, Places, Reader, Shared
from attest.chains.pins import BITCOIN_DEPTH, Confirmations
from attest.chains.records import HeaderRecord, Reading, SharedProof
from attest.chains.settings import ChainSettings
from attest.chains.wallets import Pin, Wallet
from attest.errors import VerificationError
from attest.evidence.record import Record
from attest.files import real_path

if TYPE_CHECKING:
    from attest.chains.nodes.rpc import Node

_ID: Final = re.compile(r"bip122:[0-9a-f]{32}", re.ASCII)


class BitcoinFamily:
    """Chains whose coins are unspent outputs of scripts; see `attest.chains.family.Family`."""

    namespace = "bip122"
    record_types: tuple[type[Record], ...] = (BitcoinHeader, BitcoinUtxos, BitcoinUtxoSet, BitcoinDescriptor)
    signing = BitcoinSigning()
    default_rule = Confirmations(BITCOIN_DEPTH)
    scans = True
    takes_descriptors = True
    times_ascend = False  # they may go back by some hours

    def is_chain(self, chain: str) -> bool:
        """Whether the reference is as many digits of a block's hash as CAIP-2 has room for."""
        return _ID.fullmatch(chain) is not None

    def check_settings(self, settings: ChainSettings) -> None:
        """Raises `ValueError` for tokens, finality, and a dump that no second node confirms."""
        if settings.pin == "finalized":
            raise ValueError(f"chain {settings.id} has no finalized blocks; pin = {{ confirmations = 6 }}, for example")
        if settings.tokens or settings.tokens_since is not None:
            raise ValueError(f"chain {settings.id} has no tokens")
        if settings.utxo_set is not None and settings.needed == 1:
            raise ValueError(
                f"chain {settings.id}: a utxo_set is for Bitcoin, and takes a second node that confirms it"
            )

    def decimals(self, chain: str) -> int:  # noqa: ARG002
        """Those of a coin in satoshi."""
        return DECIMALS

    def places(self, wallet: Wallet) -> tuple[bytes, ...]:
        """The scriptPubKeys of an address or a descriptor. Raises `MalformedError`."""
        from attest.chains.bitcoin.scripts import scripts

        return scripts(wallet)

    def place(self, chain: str, address: str) -> bytes:
        """The scriptPubKey of an address. Raises `MalformedError`."""
        from attest.chains.bitcoin.scripts import address_script

        return address_script(chain, address)

    def place_name(self, place: str | bytes, asset: str) -> str:  # noqa: ARG002
        """The script in hex: it holds one asset."""
        return f"the script {place.hex()}" if isinstance(place, bytes) else place

    def token_contract(self, contract: str) -> str:
        """The contract as it is, because there is none."""
        return contract

    def advice(self, wallets: Sequence[Wallet], register: Places) -> Iterator[str]:
        """What descriptors of accounts leave out."""
        from attest.chains.bitcoin.account_advice import account_advice

        return account_advice(wallets, {wallet.id: _scripts(register, wallet.id) for wallet in wallets})

    def block_reader(self, chain: str) -> BlockReader:
        """A reader of no scripts."""
        from attest.chains.bitcoin.reader import BitcoinReader

        return BitcoinReader(chain, "", {})

    def reader(
        self,
        settings: ChainSettings,
        register: Places,
        decimals: Mapping[str, int],  # noqa: ARG002
        folder: Path,
    ) -> Reader:
        """A reader of all scripts of the chain."""
        from attest.chains.bitcoin.reader import BitcoinReader

        utxo_sets = None if settings.utxo_set is None else real_path(folder / settings.utxo_set)
        scripts = {wallet: _scripts(register, wallet) for wallet in register.places}
        return BitcoinReader(settings.id, settings.native, scripts, utxo_sets)

    def header(self, chain: str, encoded: bytes) -> HeaderFacts:  # noqa: ARG002
        """What 80 bytes say, which do not have the height. Raises `VerificationError` for another number of bytes."""
        if len(encoded) != HEADER_BYTES:
            raise VerificationError("control/block", f"a Bitcoin header has {HEADER_BYTES} bytes")
        return HeaderFacts(header_hash(encoded), header_time(encoded))

    def has_work(self, chain: str, block_hash: bytes) -> bool:
        """Whether a block of the main network was mined."""
        return has_work(chain, block_hash)

    def facts(self, pin: Pin, pinned: BlockFacts | None) -> BlockFacts:  # noqa: ARG002
        """The facts of one block, which has nothing in common with others."""
        from attest.chains.bitcoin.recheck import BitcoinFacts

        return BitcoinFacts(pin)

    def share(self, records: Sequence[Record], hidden: Collection[str]) -> Shared:  # noqa: ARG002
        """Nothing: outputs have no proofs of their own."""
        return Shared(records)

    def needed(self, header: HeaderRecord, records: Sequence[Record], shared: Mapping[int, SharedProof]) -> set[int]:  # noqa: ARG002
        """None."""
        return set()

    def read_dump(self, chain: str, path: Path, readings: Iterable[Reading], progress: Callable[[int], None]) -> Dump:
        """The set that dumptxoutset wrote, with the outputs of the scripts of `readings`."""
        from attest.chains.bitcoin.utxo_set.read import read_utxo_set

        scripts = frozenset(
            utxo.script for reading in readings if isinstance(reading, BitcoinUtxos) for utxo in reading.utxos
        )
        return read_utxo_set(path, magic=network(chain).magic, scripts=scripts, with_muhash=False, progress=progress)

    def reread(self, node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
        """How many readings have outputs, which `node` lists too."""
        from attest.chains.bitcoin.reread import reread_outputs

        said = reread_outputs(node, pin, readings)
        progress(said)
        return said


def _scripts(register: Places, wallet: str) -> tuple[bytes, ...]:
    return tuple(place for place in register.places.get(wallet, ()) if isinstance(place, bytes))


FAMILY: Final[Family] = BitcoinFamily()
