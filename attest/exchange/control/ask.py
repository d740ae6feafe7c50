"""A challenge for every address of the register, written to a folder that is carried to the keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from attest.chains.challenge import Challenge, nonce_text
from attest.chains.contract_account import ContractAccount
from attest.chains.family import families, family
from attest.chains.nodes.quorum import Quorum
from attest.chains.pins import Block
from attest.chains.signing import AskedAddress, AskedItem, Signing
from attest.chains.wallets import Pin, Wallet
from attest.control.sample import Sample
from attest.errors import MalformedError
from attest.exchange.config import Chain, Config
from attest.exchange.control.challenges import (
    CHALLENGES_FILE,
    SIGNATURES_FOLDER,
    Challenges,
    CustodianKey,
    Header,
    Item,
)
from attest.exchange.control.population import Population, read_population
from attest.exchange.own_keys import custodian_keys
from attest.exchange.reading import chain_reader
from attest.exchange.surroundings import Surroundings, node_quorum, refuse_published
from attest.files import SECRET_MODE, fill_folder, refuse_existing
from attest.folders import new_folder
from attest.reserves.reading import pin_block
from attest.reserves.register import Register, register
from attest.signing.keys import PublicKey

CUSTODIAN_FOLDER: Final = "custodian-"
_FOLDER_MODE: Final = 0o700


def write_challenges(
    config: Config, period: str, nonce: bytes | None, out: Path, around: Surroundings, read: Path | None = None
) -> Challenges:
    """Write a challenge for every address of the register into the new folder `out`.

    A descriptor's addresses are those that hold coins now, or in the folder `read` of `write_reserves`, of which the
    config may ask a sample; one that several wallets share is asked once. Each challenge names a block that is settled
    now, and the auditor's `nonce`, if one was drawn. Raises `AttestError`, also when the block would be too old at the
    end of the period.
    """
    refuse_published(config, out, around)
    refuse_existing(out)
    keys = custodian_keys(config.custodians, around.folder)
    population = None if read is None else read_population(config, period, read, nonce, around)
    _tell_no_sample(config, population, nonce, around)
    asking = _Asking(config, period, nonce, around, keys, population, register(config.wallets))
    for chain in config.chains:
        asking.ask_chain(chain)
    if not asking.items:
        raise MalformedError(
            "control/nothing", "the config names no wallet with an address, so there is nothing to sign"
        )
    sample = None if population is None else population.sample
    challenges = _challenges(asking.blocks, [item for item, _ in asking.items], keys, sample)
    _write(out, challenges, asking.files)
    for sentence in _device_advice([asked for _, asked in asking.items]):
        around.tell(sentence)
    return challenges


@dataclass(slots=True)
class _Asking:
    """The challenges of a month as they are written, chain after chain.

    `keys`: those of the custodians, by name.
    `population`: what the wallets of a reading hold; None where nodes are asked.
    `places`: where each wallet stands.
    `blocks`: the block that the challenges of each chain name.
    `items`: each challenge as `challenges.json` has it, and as its family writes files for it.
    `files`: by name.
    """

    config: Config
    period: str
    nonce: bytes | None
    around: Surroundings
    keys: Mapping[str, PublicKey]
    population: Population | None
    places: Register
    blocks: list[Header] = field(default_factory=list)
    items: list[tuple[Item, AskedItem]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    _asked: set[tuple[str, str]] = field(default_factory=set)

    def ask_chain(self, chain: Chain) -> None:
        """Ask the keys of the wallets on `chain`. Raises `AttestError`."""
        wallets = [wallet for wallet in self.config.wallets if wallet.chain == chain.id and wallet.purpose != "own"]
        # An address of a public wallet and a hidden one is asked under the name that may be published.
        wallets.sort(key=lambda wallet: not wallet.public)
        if not wallets:
            return
        if (signs := family(chain.id).signing) is None:
            self.around.tell(f"no key of {chain.id} is asked: attest cannot check what it would sign")
            return
        quorum = node_quorum(chain, self.around)
        block = _block(self.config, self.period, quorum, chain, self.places, self.around)
        self.blocks.append(Header(chain=chain.id, height=block.pin.height, header=block.header))
        places = [place for wallet in wallets for place in self.places.places[wallet.id]]
        accounts = signs.accounts(quorum, block, places)
        for wallet in wallets:
            with _naming(wallet):
                own = self.places.places[wallet.id]
                found = signs.addresses(quorum, block, wallet, own, _funded(self.population, wallet))
                self._ask_wallet(signs, block.pin, wallet, found, accounts)

    def _ask_wallet(
        self,
        signs: Signing,
        pin: Pin,
        wallet: Wallet,
        found: Sequence[AskedAddress],
        accounts: Mapping[str, ContractAccount],
    ) -> None:
        if not found:
            self.around.tell(f"nothing to sign for wallet {wallet.id}: no address of its descriptor holds a coin")
        for number, (address, index) in enumerate(found, start=1):
            if (pin.chain, address) in self._asked:
                continue
            self._asked.add((pin.chain, address))
            challenge = Challenge(
                entity=self.config.entity.origin,
                period=self.period,
                chain=pin.chain,
                address=address,
                height=pin.height,
                block_hash=pin.block_hash,
                nonce=nonce_text(self.nonce),
            )
            item = Item(
                name=f"{wallet.id}-{number:04d}",
                wallet=wallet.id,
                challenge=challenge,
                custodian=wallet.custodian if wallet.custodian in self.keys else None,
                contract=accounts.get(address),
            ).without_defaults()
            asked = AskedItem(item.name, challenge, wallet, index, item.contract)
            self.items.append((item, asked))
            self.files |= {f"{item.name}.txt": challenge.text.encode(), **signs.files(asked)}


def _tell_no_sample(config: Config, population: Population | None, nonce: bytes | None, around: Surroundings) -> None:
    """When the config asks for a sample that is not drawn, say so and why."""
    without = {"--reserves": population is None, "--nonce": nonce is None}
    if config.control.sample is not None and (lacking := [option for option in without if without[option]]):
        around.tell(f"every address is asked: the sample in [control] is not drawn without {' and '.join(lacking)}")


def _device_advice(items: Sequence[AskedItem]) -> Iterator[str]:
    """What keeps devices from signing, and what helps."""
    for found in families(item.challenge.chain for item in items):
        if found.signing is not None:
            yield from found.signing.device_advice([item for item in items if family(item.challenge.chain) is found])


def _write(out: Path, challenges: Challenges, files: Mapping[str, bytes]) -> None:
    """The folder, with a copy for each custodian in it."""
    with new_folder(out, _FOLDER_MODE) as unfinished:
        fill_folder(unfinished, {**files, CHALLENGES_FILE: challenges.to_bytes()}, mode=SECRET_MODE)
        (unfinished / SIGNATURES_FOLDER).mkdir(mode=_FOLDER_MODE)
        for number, part in enumerate(challenges.parts(), start=1):
            copy = unfinished / f"{CUSTODIAN_FOLDER}{number}"
            copy.mkdir(mode=_FOLDER_MODE)
            fill_folder(copy, {CHALLENGES_FILE: part.to_bytes()}, mode=SECRET_MODE)


def _block(config: Config, period: str, quorum: Quorum, chain: Chain, places: Register, around: Surroundings) -> Block:
    """A settled block of the chain. Raises `MalformedError` when it will be too old at the end of the period."""
    around.tell(f"choosing a block of {chain.id}")
    reader = chain_reader(chain, places, config.decimals, around.folder)
    block = pin_block(reader, quorum, family(chain.id).default_rule, around.now)
    if block.pin.time < config.ledger.period_end(period) - timedelta(days=config.control.max_age_days):
        raise MalformedError(
            "control/early",
            f"a signature over block {block.pin.height} of {chain.id}, of {block.pin.time:%Y-%m-%d}, would be too "
            f"old at the end of {period}: it may be {config.control.max_age_days} days",
            hint="ask later, or set max_age_days in [control]",
        )
    return block


def _challenges(
    blocks: Sequence[Header], items: Sequence[Item], keys: Mapping[str, PublicKey], sample: Sample | None
) -> Challenges:
    return Challenges(
        format="attest/challenges/v1",
        blocks=tuple(blocks),
        items=tuple(items),
        custodians=tuple(CustodianKey(name=name, public_key=key.to_der()) for name, key in keys.items()),
        sample=sample,
    ).without_defaults()


def _funded(population: Population | None, wallet: Wallet) -> frozenset[bytes] | None:
    """The scripts of a wallet that must sign by a reading; None without one."""
    return None if population is None else population.asked(wallet.id)


@contextmanager
def _naming(wallet: Wallet) -> Iterator[None]:
    """Name the wallet in an error about its descriptor."""
    try:
        yield
    except MalformedError as error:
        raise error.within(f"wallet {wallet.id}") from None
