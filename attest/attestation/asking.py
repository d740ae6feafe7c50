"""A challenge for every address of the register, written to a folder that is carried to the keys."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from attest.attestation.challenges import (
    CHALLENGES_FILE,
    SIGNATURES_FOLDER,
    Challenges,
    CustodianKey,
    Header,
    Item,
)
from attest.attestation.config import Chain, Config
from attest.attestation.control_files import ContractAccount
from attest.attestation.custody import custodian_keys
from attest.attestation.population import Population, read_population
from attest.attestation.reserves import chain_reader
from attest.attestation.surroundings import Surroundings, node_quorum, refuse_published
from attest.errors import MalformedError
from attest.files import SECRET_MODE, fill_folder, refuse_existing
from attest.folders import new_folder
from attest.reserves.bitcoin_scripts import address_of
from attest.reserves.challenge import NO_NONCE, Challenge
from attest.reserves.control import typed_challenge
from attest.reserves.ethereum_contracts import contracts
from attest.reserves.pins import Block, Confirmations
from attest.reserves.quorum import Quorum
from attest.reserves.reading import pin_block
from attest.reserves.register import Register, register
from attest.reserves.sampling import Sample
from attest.reserves.unspent import difference, unspent_at
from attest.reserves.wallets import Wallet
from attest.signing.keys import PublicKey

CUSTODIAN_FOLDER: Final = "custodian-"
_FOLDER_MODE: Final = 0o700
_DEPTH: Final = 6
_COLDCARD: Final = 330  # of the message in a PSBT (shared/psbt.py of its firmware); of a text it signs 240


def write_challenges(
    config: Config, period: str, nonce: str, out: Path, around: Surroundings, read: Path | None = None
) -> Challenges:
    """Write a challenge for every address of the register into the new folder `out`.

    A descriptor's addresses are those that hold coins now, or in the folder `read` of `write_reserves`, of which the
    config may ask a sample; one that several wallets share is asked once. Each challenge names a block that is settled
    now, and the auditor's `nonce`, hex or `-`. Raises `AttestError`, also when the block would be too old at the end of
    the period.
    """
    refuse_published(config, out, around)
    refuse_existing(out)
    keys = custodian_keys(config.custodians, around.folder)
    population = None if read is None else read_population(config, period, read, nonce, around)
    _tell_no_sample(config, population, nonce, around)
    asked: set[tuple[str, str]] = set()
    places = register(config.wallets)
    items: list[Item] = []
    blocks: list[Header] = []
    files: dict[str, bytes] = {}
    for chain in config.chains:
        wallets = [wallet for wallet in config.wallets if wallet.chain == chain.id and wallet.purpose != "own"]
        # An address of a public wallet and a hidden one is asked under the name that may be published.
        wallets.sort(key=lambda wallet: not wallet.public)
        if not wallets:
            continue
        quorum = node_quorum(chain, around)
        block = _block(config, period, quorum, chain, places, around)
        blocks.append(Header(chain=chain.id, height=block.pin.height, header=block.header))
        code = {} if chain.is_bitcoin else contracts(quorum, block, _evm_addresses(wallets, places))
        for wallet in wallets:
            with _naming(wallet):
                found = _addresses(quorum, block, wallet, places, population)
                if not found:
                    around.tell(f"nothing to sign for wallet {wallet.id}: no address of its descriptor holds a coin")
                for number, (address, index) in enumerate(found, start=1):
                    if (chain.id, address) in asked:
                        continue
                    asked.add((chain.id, address))
                    challenge = Challenge(
                        entity=config.entity.origin,
                        period=period,
                        chain=chain.id,
                        address=address,
                        height=block.pin.height,
                        block_hash=block.pin.block_hash,
                        nonce=nonce,
                    )
                    item = Item(
                        name=f"{wallet.id}-{number:04d}",
                        wallet=wallet.id,
                        challenge=challenge,
                        custodian=wallet.custodian if wallet.custodian in keys else None,
                        contract=ContractAccount.of(code[address]) if address in code else None,
                    ).without_defaults()
                    items.append(item)
                    files |= _files(item, wallet, index)
    if not items:
        raise MalformedError(
            "control/nothing", "the config names no wallet with an address, so there is nothing to sign"
        )
    challenges = _challenges(blocks, items, keys, None if population is None else population.sample)
    _write(out, challenges, files)
    _tell_devices(items, {wallet.id for wallet in config.wallets if wallet.descriptor is not None}, around)
    return challenges


def _tell_no_sample(config: Config, population: Population | None, nonce: str, around: Surroundings) -> None:
    """When the config asks for a sample that is not drawn, say so and why."""
    without = {"--reserves": population is None, "--nonce": nonce == NO_NONCE}
    if config.control.sample is not None and (lacking := [option for option in without if without[option]]):
        around.tell(f"every address is asked: the sample in [control] is not drawn without {' and '.join(lacking)}")


def _tell_devices(items: Sequence[Item], described: Collection[str], around: Surroundings) -> None:
    """Tell what keeps devices from signing some of the PSBTs, and what helps; `described` wallets have descriptors."""
    bitcoin = [item for item in items if item.challenge.chain.startswith("bip122:")]
    if plain := [item for item in bitcoin if item.wallet not in described]:
        around.tell(
            f"{len(plain)} PSBTs name no key, such as {plain[0].name}.psbt: they are for wallets that know the address "
            "as theirs. A device such as a Coldcard or Ledger is to be told where its key comes from: write descriptor "
            '= "wpkh([FINGERPRINT/84h/0h/0h/0/5]PUBLIC KEY)" into the wallet\'s table instead of the address; '
            "getaddressinfo of Bitcoin Core shows it as desc"
        )
    if long := [item for item in bitcoin if len(item.challenge.text) > _COLDCARD]:
        around.tell(
            f"{len(long)} texts, such as {long[0].name}.txt, have more than the {_COLDCARD} characters that a Coldcard "
            "signs; a nonce of 16 bytes keeps them shorter"
        )


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
    block = pin_block(reader, quorum, Confirmations(_DEPTH) if chain.is_bitcoin else "finalized", around.now)
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


def _evm_addresses(wallets: Sequence[Wallet], places: Register) -> list[str]:
    return list(dict.fromkeys(places.addresses[wallet.id] for wallet in wallets))


def _addresses(
    quorum: Quorum, block: Block, wallet: Wallet, places: Register, population: Population | None
) -> list[tuple[str, int | None]]:
    """The addresses of a wallet that must sign, each with its index in the wallet's descriptor.

    Those of a descriptor are the ones that hold coins in the `population`, or at the `block` now.
    """
    if wallet.id in places.addresses:
        return [(places.addresses[wallet.id], None)]
    if wallet.address is not None:
        return [(wallet.address, None)]
    indexes: dict[bytes, int] = {}
    for index, script in enumerate(places.scripts[wallet.id], start=wallet.range[0] if wallet.range else 0):
        indexes.setdefault(script, index)
    if population is None:
        unspent = quorum.ask(lambda node: unspent_at(node, block.pin, sorted(indexes), tell=quorum.tell), difference)
        scripts = frozenset(utxo.script for utxo in unspent)
    else:
        scripts = population.asked(wallet.id)
    funded = sorted(scripts, key=indexes.__getitem__)
    return [(address_of(wallet.chain, script), indexes[script]) for script in funded]


def _files(item: Item, wallet: Wallet, index: int | None) -> dict[str, bytes]:
    """The files of one challenge: its text, and what wallets that show no text can sign instead."""
    challenge = item.challenge
    files = {f"{item.name}.txt": challenge.text.encode()}
    if item.contract is not None:
        files |= item.contract.files(item.name, challenge)
    elif challenge.chain.startswith("eip155:"):
        document = json.dumps(typed_challenge(challenge), indent=1)
        files[f"{item.name}.typed.json"] = document.encode() + b"\n"
    else:
        from attest.reserves.bip322_psbt import psbt_to_sign

        psbt = psbt_to_sign(
            challenge.chain,
            challenge.address,
            challenge.text,
            descriptor=wallet.descriptor,
            index=None if wallet.range is None else index,
        )
        files[f"{item.name}.psbt"] = psbt.encode()
    return files


@contextmanager
def _naming(wallet: Wallet) -> Iterator[None]:
    """Name the wallet in an error about its descriptor."""
    try:
        yield
    except MalformedError as error:
        raise error.within(f"wallet {wallet.id}") from None
