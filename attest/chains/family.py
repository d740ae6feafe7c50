"""What a family of chains does for attest, and the family of a chain.

A family is all that attest knows of one kind of chain. Those that come with attest are in folders beside this file. A
package of somebody else adds another one by an entry point in its pyproject.toml, whose name is the CAIP-2 namespace
of the chains and whose value is an object of the protocol `Family`:

    [project.entry-points."attest.chains"]
    toy = "attest_toy.family:FAMILY"

A month with such chains is read, attested and verified by whoever has the package installed; without it, their ids are
malformed. Nothing else of attest looks at a chain's namespace, and nothing outside a family imports its modules.

A module that is named in an entry point should be cheap to import: heavy libraries belong into the methods.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast, runtime_checkable

from attest.chains.namespaces import find
from attest.chains.pins import Block, PinRule
from attest.chains.records import Authority, HeaderRecord, NodeAgreement, Reading, SharedProof
from attest.chains.settings import ChainSettings
from attest.chains.signing import Signing
from attest.chains.wallets import Pin, Unlisted, Unproven, Wallet
from attest.errors import MalformedError
from attest.evidence.record import Record

if TYPE_CHECKING:  # who only verifies asks no node
    from attest.chains.nodes.quorum import Quorum
    from attest.chains.nodes.rpc import Node


class HeaderFacts(NamedTuple):
    """What a block's header says by itself; `height` is None where headers do not say it."""

    block_hash: bytes
    time: datetime
    height: int | None = None


class Dump(Protocol):
    """All unspent outputs of a chain after one block, as far as a verifier needs them."""

    @property
    def block_hash(self) -> bytes:
        """The hash of the block, as explorers show it."""


class Kept(Protocol):
    """What an unfinished reading kept of one block, under keys that begin with the chain's id and a space."""

    def records(self, key: str) -> Sequence[Record] | None:
        """The records under `key`; None when none were kept."""

    def pinned(self, key: str) -> Sequence[Record] | None:
        """The records under `key` of the pin, also where this is of another block."""

    def keep(
        self, key: str, records: Iterable[Record], nodes: NodeAgreement, failed: Iterable[str] = ()
    ) -> Sequence[Record]:
        """Keep `records`, which `nodes` agreed on, under `key`, and return them; the nodes `failed` gave no answer."""

    def keep_unproven(self, chain: str, unproven: Iterable[Unproven]) -> None:
        """Keep what of the tokens of `chain` is not proven, and why."""


class BlockReader(Protocol):
    """Asks nodes about the blocks of one chain."""

    @property
    def chain(self) -> str:
        """The chain's CAIP-2 id."""

    def check_chain(self, node: Node) -> None:
        """Raises `VerificationError` when `node` is on another chain."""

    def choose(self, node: Node, rule: PinRule, now: datetime) -> Block:
        """The block that `rule` means on `node`'s chain, by the clock `now`. Raises `AttestError`."""

    def settled(self, node: Node, rule: PinRule) -> int:
        """The height up to which `node`'s blocks are settled as `rule` has it."""

    def confirm(self, node: Node, pin: Pin) -> bytes:
        """The header of `pin`. Raises `PinLostError` when it is not on `node`'s chain, `AttestError`."""

    def header_record(self, block: Block) -> HeaderRecord:
        """The block's header as evidence."""


class Reader(BlockReader, Protocol):
    """Reads the balances of a register's wallets on one chain."""

    def read(
        self,
        quorum: Quorum,
        block: Block,
        wallets: Sequence[Wallet],
        kept: Kept,
        progress: Callable[[int], None],
    ) -> list[Record]:
        """Every balance of `wallets` at `block`: a `Reading` each, and records that several of them rest on.

        The nodes of `quorum` must agree on every figure. `progress` hears how many balances there are so far. What was
        `kept` is not read again. Raises `UnavailableError` when the nodes do not answer everything, `VerificationError`
        for what is false.
        """

    def beside(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet], kept: Kept) -> Sequence[Record]:
        """What evidence says of `wallets` at the pinned `block` besides balances: descriptors, who signs for them."""

    def unlisted(self, quorum: Quorum, block: Block, wallets: Sequence[Wallet]) -> Sequence[Unlisted]:
        """What lies at `wallets` and does not count."""

    def check_kept(self, node: Node, block: Block, wallets: Sequence[Wallet], records: Sequence[Record]) -> None:
        """Ask `node`, which gave no answer in an earlier run, for what `records` say, which that run kept of `block`.

        Proofs are not asked for again, because they prove themselves. Raises `VerificationError` when the node says
        otherwise, `AttestError`.
        """


class Places(Protocol):
    """Where the wallets of a register are."""

    @property
    def places(self) -> Mapping[str, Sequence[str | bytes]]:
        """What `Family.places` says of each wallet, by its id."""


class BlockFacts(Protocol):
    """What the records of one block of a chain say, while evidence is rechecked."""

    def note(self, record: Record) -> None:
        """Keep a record that readings at the block rest on. Raises `VerificationError` for the second of its kind."""

    def hold_against(self, dump: Dump) -> None:
        """Keep the outputs of a dump of the block. Raises `VerificationError` when records say something else of it."""

    def amount(self, reading: Reading) -> int:
        """The base units that the evidence of `reading` shows. Raises `VerificationError` when it shows none.

        Where there is nothing but the word of nodes, that is what the reading says.
        """

    def check_authority(self, record: Authority) -> None:
        """See that those sign for an address whom `record` names. Raises `VerificationError`."""


class Shared(NamedTuple):
    """The `records` with what only they need of proofs, and the parts that several of them share.

    `private` parts are of wallets that are not public.
    """

    records: Sequence[Record]
    public: Sequence[SharedProof] = ()
    private: Sequence[SharedProof] = ()


@runtime_checkable
class Family(Protocol):
    """One kind of chain: how its blocks, wallets and balances are read, and how evidence of them is checked.

    What it is given of chains, wallets and records is of its own namespace, if nothing else is said. A chain id is its
    CAIP-2 id, an address a string as its users write it, a *place* what one key or script moves: the one spelling of an
    address, or a script. Amounts are integers of base units; hashes are as explorers show them, 32 bytes.
    """

    @property
    def namespace(self) -> str:
        """The part of the chains' CAIP-2 ids before the colon."""

    @property
    def record_types(self) -> tuple[type[Record], ...]:
        """The types of records of its chains, each told from all others by a `type` with the namespace or a name in it.

        A family of another package derives them from `HeaderRecord` and `Reading`, and where it has more to say, from
        the other classes of `attest.chains.records`. Each of its records has a field `chain`, by which its family is
        found.
        """

    @property
    def signing(self) -> Signing | None:
        """How keys show that they control addresses; None where attest cannot check it, so that no key is asked."""

    @property
    def default_rule(self) -> PinRule:
        """Which block is read where the config does not say: one that nobody expects to be replaced."""

    @property
    def scans(self) -> bool:
        """Whether a reading looks through all outputs of a chain; such chains are read last.

        It may take longer than nodes of other chains keep the state of their pinned blocks.
        """

    @property
    def takes_descriptors(self) -> bool:
        """Whether a wallet may be a descriptor with a range instead of an address."""

    @property
    def times_ascend(self) -> bool:
        """Whether a block never has an earlier time than the one before it."""

    def is_chain(self, chain: str) -> bool:
        """Whether `chain` has the form that the namespace gives to its ids."""

    def check_settings(self, settings: ChainSettings) -> None:
        """Raises `ValueError` when a table [[chains]] of the config says what cannot be said of such a chain."""

    def decimals(self, chain: str) -> int:
        """The decimals of the chain's own coin."""

    def places(self, wallet: Wallet) -> tuple[str | bytes, ...]:
        """Every place of `wallet`. Nothing is asked of a network. Raises `MalformedError` naming the wallet."""

    def place(self, chain: str, address: str) -> str | bytes:
        """The place of an address. Raises `MalformedError` for one that is none."""

    def place_name(self, place: str | bytes, asset: str) -> str:
        """What two wallets share that both count `asset` at `place`, in an error: `the script 00…`."""

    def token_contract(self, contract: str) -> str:
        """The one spelling of the address of a token. Raises `MalformedError` for one that is none."""

    def advice(self, wallets: Sequence[Wallet], register: Places) -> Iterator[str]:
        """Sentences about `wallets` that are valid and perhaps not meant, told before their balances are believed."""

    def block_reader(self, chain: str) -> BlockReader:
        """What asks nodes about the blocks of `chain`."""

    def reader(self, settings: ChainSettings, register: Places, decimals: Mapping[str, int], folder: Path) -> Reader:
        """What reads a chain by its table in the config, which lies in `folder`.

        `register` has the places of all wallets of the config, `decimals` those of all its assets.
        """

    def header(self, chain: str, encoded: bytes) -> HeaderFacts:
        """What the bytes of a header say. Raises `VerificationError` for bytes that are none."""

    def has_work(self, chain: str, block_hash: bytes) -> bool:
        """Whether a block of this hash took work that nobody spends on a forged one; true where hashes show none."""

    def facts(self, pin: Pin, pinned: BlockFacts | None) -> BlockFacts:
        """What nothing is known of yet: the block `pin`. For a block of a window, `pinned` are those of the pin."""

    def share(self, records: Sequence[Record], hidden: Collection[str]) -> Shared:
        """Take parts of proofs that several of `records` need out of them, into records of their own.

        `records` may be of other families too, which stay as they are. What is public must not depend on the wallets
        `hidden`, and a part that is private must be needed by all wallets for which it is disclosed.
        """

    def needed(self, header: HeaderRecord, records: Sequence[Record], shared: Mapping[int, SharedProof]) -> set[int]:
        """Which of the `shared` parts, by index, the proofs of `records` of one block need.

        `header` is the block's. Raises `VerificationError` for a proof that does not hold.
        """

    def read_dump(self, chain: str, path: Path, readings: Iterable[Reading], progress: Callable[[int], None]) -> Dump:
        """What the file `path`, a node's dump of all unspent outputs, has of those that `readings` count.

        `progress` hears how many outputs were read so far. Raises `MalformedError`, also for a chain without dumps,
        `UnavailableError`.
        """

    def reread(self, node: Node, pin: Pin, readings: Mapping[int, Reading], progress: Callable[[int], None]) -> int:
        """How many of `readings` of the block `pin`, by index, `node` says the amount of, which is on its chain.

        Raises `VerificationError` naming the record and the node when it says another one, `UnavailableError`.
        """


def family(chain: str) -> Family:
    """The family of a chain id. Raises `MalformedError` when its namespace has none, `UnavailableError`."""
    if (found := find(chain)) is None:
        raise MalformedError(
            "chain/unknown",
            f"nothing here knows chains like {chain[:100]!r}",
            hint="install the package that adds their family to attest",
        )
    return cast("Family", found)


def signing(chain: str) -> Signing:
    """How keys of a chain's addresses show control. Raises `MalformedError` where attest cannot check it."""
    if (found := family(chain).signing) is None:
        raise MalformedError(
            "control/chain", f"no key of {chain} can be asked to sign: attest cannot check what it signs"
        )
    return found


def families(chains: Iterable[str]) -> list[Family]:
    """The families of `chains`, each once, in the order in which they come first. Raises what `family` raises."""
    return list({found.namespace: found for found in map(family, chains)}.values())
