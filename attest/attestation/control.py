"""Challenges for the wallets of a register, and what comes back: signatures, and what custodians confirm."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from attest.attestation.challenges import (
    CHALLENGES_FILE,
    SIGNATURES_FOLDER,
    Challenges,
    CustodianKey,
    Header,
    Item,
    read_challenges,
)
from attest.attestation.config import Config
from attest.attestation.confirming import confirmations_in, opened
from attest.attestation.custody import CONFIRMATION, MAX_CONFIRMATION_BYTES, custodian_keys
from attest.attestation.keys import PublicKey
from attest.attestation.population import Population, read_population
from attest.attestation.reserves import Surroundings, chain_reader, node_quorum, refuse_published
from attest.errors import AttestError, MalformedError
from attest.files import SECRET_MODE, fill_folder, new_folders, read_bounded, refuse_existing, write_file
from attest.reserves.bitcoin_scripts import address_of
from attest.reserves.challenge import Challenge, Method
from attest.reserves.control import MAX_SIGNATURE, check_signature, typed_challenge
from attest.reserves.pins import Block, Confirmations
from attest.reserves.quorum import Quorum
from attest.reserves.reading import pin_block
from attest.reserves.records import ChallengeBlock, ControlProof, ControlSample, CustodyConfirmation, new_salt
from attest.reserves.register import Register, register
from attest.reserves.sampling import Sample
from attest.reserves.unspent import difference, unspent_at
from attest.reserves.wallets import Wallet

CUSTODIAN_FOLDER: Final = "custodian-"
SIGNATURE: Final = ".sig"
_FOLDER_MODE: Final = 0o700
_DEPTH: Final = 6
_PSBT: Final = b"psbt\xff"  # how a PSBT begins that is not in base64

ControlRecord = ChallengeBlock | ControlProof | CustodyConfirmation | ControlSample


class Returned(NamedTuple):
    """A signature that holds, and how it was made."""

    item: Item
    method: Method
    signature: str


class Standing(NamedTuple):
    """The signatures and confirmations that are there, all of which hold, and the challenges that wait for one.

    `confirmed` are those that only a custodian confirmed.
    """

    returned: list[Returned]
    confirmed: list[Item]
    missing: list[Item]
    confirmations: list[CustodyConfirmation]


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
    oldest = config.ledger.period_end(period) - timedelta(days=config.control.max_age_days)
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
        around.tell(f"choosing a block of {chain.id}")
        quorum = node_quorum(chain, around)
        reader = chain_reader(chain, places, config.decimals, around.folder)
        block = pin_block(reader, quorum, Confirmations(_DEPTH) if chain.is_bitcoin else "finalized", around.now)
        if block.pin.time < oldest:
            raise MalformedError(
                "control/early",
                f"a signature over block {block.pin.height} of {chain.id}, of {block.pin.time:%Y-%m-%d}, would be too "
                f"old at the end of {period}: it may be {config.control.max_age_days} days",
                hint="ask later, or set max_age_days in [control]",
            )
        blocks.append(Header(chain=chain.id, height=block.pin.height, header=block.header))
        for wallet in wallets:
            with _naming(wallet):
                found = _addresses(quorum, block, wallet, places, population)
                if not found:
                    around.tell(f"nothing to sign for wallet {wallet.id}: no address of its descriptor holds a coin")
                held = {"custodian": wallet.custodian} if wallet.custodian in keys else {}
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
                    items.append(Item(name=f"{wallet.id}-{number:04d}", wallet=wallet.id, challenge=challenge, **held))
                    files |= _files(items[-1], wallet, index)
    if not items:
        raise MalformedError(
            "control/nothing", "the config names no wallet with an address, so there is nothing to sign"
        )
    challenges = _challenges(blocks, items, keys, None if population is None else population.sample)
    with new_folders((out, _FOLDER_MODE)) as (unfinished,):
        fill_folder(unfinished, {**files, CHALLENGES_FILE: challenges.to_bytes()}, mode=SECRET_MODE)
        (unfinished / SIGNATURES_FOLDER).mkdir(mode=_FOLDER_MODE)
        for number, part in enumerate(challenges.parts(), start=1):
            copy = unfinished / f"{CUSTODIAN_FOLDER}{number}"
            copy.mkdir(mode=_FOLDER_MODE)
            fill_folder(copy, {CHALLENGES_FILE: part.to_bytes()}, mode=SECRET_MODE)
    return challenges


def _challenges(
    blocks: Sequence[Header], items: Sequence[Item], keys: Mapping[str, PublicKey], sample: Sample | None
) -> Challenges:
    fields: dict[str, Any] = {}  # what is not set stays absent from the document
    if keys:
        fields["custodians"] = tuple(CustodianKey(name=name, public_key=key.to_der()) for name, key in keys.items())
    if sample is not None:
        fields["sample"] = sample
    return Challenges(format="attest/challenges/v1", blocks=tuple(blocks), items=tuple(items), **fields)


def add_signatures(folder: Path, paths: Sequence[Path]) -> Standing:
    """Check the signatures and confirmations in `paths` and keep them in `folder`; all or none of them.

    A file is named after its challenge: `NAME.sig` holds the signature as the wallet shows it, and every `NAME….psbt`
    a PSBT that some of the signers signed. Every `….confirmation.json` is what a custodian confirms. Raises
    `VerificationError`, `MalformedError` naming the file.
    """
    challenges = read_challenges(folder)
    items = {item.name: item for item in challenges.items}
    confirmed = [path for path in paths if path.name.endswith(CONFIRMATION)]
    kept = {}
    for path in confirmed:
        data = read_bounded(path, MAX_CONFIRMATION_BYTES)
        opened(path, data, challenges)
        kept[f"{sha256(data).hexdigest()[:16]}{CONFIRMATION}"] = data
    signatures: dict[str, str] = {}
    for name, parts in _by_name([path for path in paths if path not in confirmed], items).items():
        item = items[name]
        try:
            signature = _signature(parts)
            check_signature(item.challenge, signature)
        except AttestError as error:
            raise type(error)(error.code, f"{parts[0].name}: {error.message}", hint=error.hint) from None
        signatures[name] = signature
    kept |= {f"{name}{SIGNATURE}": signature.encode() for name, signature in signatures.items()}
    for name, data in kept.items():
        write_file(folder / SIGNATURES_FOLDER / name, data, mode=SECRET_MODE, force=True)
    return standing(folder)


def standing(folder: Path) -> Standing:
    """Check every signature in `folder` again, and say which are missing. Raises `AttestError`."""
    return _standing(folder, read_challenges(folder))


def _standing(folder: Path, challenges: Challenges) -> Standing:
    returned: list[Returned] = []
    confirmed: list[Item] = []
    missing: list[Item] = []
    confirmations = confirmations_in(folder / SIGNATURES_FOLDER, challenges)
    held = {challenge for record in confirmations for challenge in record.confirmation.challenges}
    for item in challenges.items:
        path = folder / SIGNATURES_FOLDER / f"{item.name}{SIGNATURE}"
        if not path.exists():
            (confirmed if item.challenge in held else missing).append(item)
            continue
        try:
            signature = _text(path)
            method = check_signature(item.challenge, signature)
        except AttestError as error:
            raise type(error)(error.code, f"{path.name}: {error.message}", hint=error.hint) from None
        returned.append(Returned(item, method, signature))
    return Standing(returned, confirmed, missing, confirmations)


def control_records(folder: Path, max_age: int) -> list[ControlRecord]:
    """What is in `folder` as evidence, with the blocks that the challenges name. Raises `AttestError`."""
    challenges = read_challenges(folder)
    standing = _standing(folder, challenges)
    proofs = [
        ControlProof(
            type="control",
            salt=new_salt(),
            wallet=item.wallet,
            challenge=item.challenge,
            method=method,
            signature=signature,
        )
        for item, method, signature in standing.returned
    ]
    blocks = [
        ChallengeBlock(
            type="control-block",
            salt=new_salt(),
            chain=block.chain,
            height=block.height,
            header=block.header,
            max_age=max_age,
        )
        for block in challenges.blocks
    ]
    sample = challenges.sample
    drawn = [] if sample is None else [ControlSample(type="control-sample", salt=new_salt(), sample=sample)]
    return [*blocks, *drawn, *proofs, *standing.confirmations]


@contextmanager
def _naming(wallet: Wallet) -> Iterator[None]:
    """Name the wallet in an error about its descriptor."""
    try:
        yield
    except MalformedError as error:
        raise MalformedError(error.code, f"wallet {wallet.id}: {error.message}", hint=error.hint) from None


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
        unspent = quorum.ask(lambda node: unspent_at(node, block.pin, sorted(indexes)), difference)
        scripts = frozenset(utxo.script for utxo in unspent)
    else:
        scripts = population.asked(wallet.id)
    funded = sorted(scripts, key=indexes.__getitem__)
    return [(address_of(wallet.chain, script), indexes[script]) for script in funded]


def _files(item: Item, wallet: Wallet, index: int | None) -> dict[str, bytes]:
    """The files of one challenge: its text, and what wallets that show no text can sign instead."""
    challenge = item.challenge
    files = {f"{item.name}.txt": challenge.text.encode()}
    if challenge.chain.startswith("eip155:"):
        document = json.dumps(typed_challenge(challenge), indent=1)
        files[f"{item.name}.typed.json"] = document.encode() + b"\n"
    elif wallet.descriptor is not None:
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


def _by_name(paths: Sequence[Path], items: Mapping[str, Item]) -> dict[str, list[Path]]:
    """The files by the challenge that they are named after. Raises `MalformedError`."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        # A wallet's id may have dots, so that the name is the longest one that fits.
        parts = path.name.split(".")
        names = (".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
        name = next((name for name in names if name in items), None)
        if name is None:
            raise MalformedError(
                "control/name",
                f"{path.name} is not named after a challenge",
                hint="NAME.sig holds the signature of NAME.txt, NAME.….psbt is a signed copy of NAME.psbt, and "
                f"a custodian's file ends in {CONFIRMATION}",
            )
        found.setdefault(name, []).append(path)
    return found


def _signature(parts: Sequence[Path]) -> str:
    """The signature in a challenge's files: one as text, or signed PSBTs to combine."""
    texts = [path for path in parts if path.suffix == SIGNATURE]
    if len(parts) == 1 and texts:
        return _text(texts[0])
    if texts or any(path.suffix != ".psbt" for path in parts):
        raise MalformedError(
            "control/name", f"{parts[0].name} comes with others", hint="give one .sig or some .psbt for a challenge"
        )
    from attest.reserves.bip322_psbt import signature_of_psbts

    return signature_of_psbts([_psbt(path) for path in parts])


def _psbt(path: Path) -> str:
    """A PSBT in base64, of a file that holds it so or in binary, as BIP-174 has files."""
    data = read_bounded(path, MAX_SIGNATURE)
    return b64encode(data).decode() if data.startswith(_PSBT) else _text(path)


def _text(path: Path) -> str:
    data = read_bounded(path, MAX_SIGNATURE)
    try:
        return data.decode("ascii").strip()
    except UnicodeDecodeError:
        raise MalformedError("control/malformed", "this is not text in ASCII") from None
