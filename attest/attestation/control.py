"""Challenges for the wallets of a register, and the signatures that come back (protocol.md, section 8)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field, StringConstraints

from attest.attestation.config import Config
from attest.attestation.control_files import ContractAccount
from attest.attestation.reserves import Surroundings, chain_reader, node_quorum, refuse_published
from attest.documents import Count, Document, Hex
from attest.errors import AttestError, MalformedError
from attest.files import SECRET_MODE, fill_folder, new_folders, read_bounded, refuse_existing, write_file
from attest.reserves.bitcoin_scripts import address_of
from attest.reserves.challenge import Challenge, Method
from attest.reserves.control import MAX_SIGNATURE, check_signature, typed_challenge
from attest.reserves.ethereum_contracts import contracts
from attest.reserves.pins import Block, Confirmations
from attest.reserves.quorum import Quorum
from attest.reserves.reading import pin_block
from attest.reserves.records import ChallengeBlock, ContractControl, ControlProof, new_salt
from attest.reserves.register import Register, register
from attest.reserves.unspent import difference, unspent_at
from attest.reserves.wallets import ChainId, Wallet, WalletId

CHALLENGES_FILE: Final = "challenges.json"
SIGNATURES_FOLDER: Final = "signatures"
SIGNATURE: Final = ".sig"
MAX_CHALLENGES_BYTES: Final = 256 * 1024 * 1024
_FOLDER_MODE: Final = 0o700
_DEPTH: Final = 6
_PSBT: Final = b"psbt\xff"  # how a PSBT begins that is not in base64

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}-[0-9]{4,6}$")]


class Item(Document):
    """One challenge: the name of its files, the wallet whose address it is, and what contract is there, if one is."""

    name: Name
    wallet: WalletId
    challenge: Challenge
    contract: ContractAccount | None = None

    def check(self, signature: str) -> Method | None:
        """How `signature` was made over the challenge; None when only a contract can say. Raises `AttestError`."""
        if self.contract is not None:
            return self.contract.check(self.challenge, signature)
        return check_signature(self.challenge, signature)


class Header(Document):
    """The header of the block that a chain's challenges name."""

    chain: ChainId
    height: Count
    header: Hex


class Challenges(Document):
    """`challenges.json`: what was asked of whom, and the blocks that show when."""

    format: Literal["attest/challenges/v1"]
    blocks: tuple[Header, ...]
    items: Annotated[tuple[Item, ...], Field(min_length=1)]


class Returned(NamedTuple):
    """A signature that holds, and how it was made; without a method only a contract can say whether it holds."""

    item: Item
    method: Method | None
    signature: str


class Standing(NamedTuple):
    """The signatures that are there, all of which hold as far as can be said here, and the challenges without one."""

    returned: list[Returned]
    missing: list[Item]

    @property
    def unchecked(self) -> list[Item]:
        """Those whose signature only a contract can speak for."""
        return [returned.item for returned in self.returned if returned.method is None]


def write_challenges(config: Config, period: str, nonce: str, out: Path, around: Surroundings) -> Challenges:
    """Write a challenge for every address of the register into the new folder `out`.

    A descriptor's addresses are those that hold coins now; one that several wallets share is asked once. Each challenge
    names a block that is settled now, and the auditor's `nonce`, hex or `-`. Raises `AttestError`, also when the block
    would be too old at the end of the period.
    """
    refuse_published(config, out, around)
    refuse_existing(out)
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
        code = {} if chain.is_bitcoin else contracts(quorum, block, _evm_addresses(wallets, places))
        for wallet in wallets:
            with _naming(wallet):
                found = _addresses(quorum, block, wallet, places)
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
                    item = Item(name=f"{wallet.id}-{number:04d}", wallet=wallet.id, challenge=challenge)
                    if address in code:
                        item = item.model_copy(update={"contract": ContractAccount.of(code[address])})
                    items.append(item)
                    files |= _files(item, wallet, index)
    if not items:
        raise MalformedError(
            "control/nothing", "the config names no wallet with an address, so there is nothing to sign"
        )
    challenges = Challenges(format="attest/challenges/v1", blocks=tuple(blocks), items=tuple(items))
    with new_folders((out, _FOLDER_MODE)) as (unfinished,):
        fill_folder(unfinished, {**files, CHALLENGES_FILE: challenges.to_bytes()}, mode=SECRET_MODE)
        (unfinished / SIGNATURES_FOLDER).mkdir(mode=_FOLDER_MODE)
    return challenges


def add_signatures(folder: Path, paths: Sequence[Path]) -> Standing:
    """Check the signatures in `paths` and keep them in `folder`; all or none of them.

    A file is named after its challenge: `NAME.sig` holds the signature as the wallet shows it, every `NAME.….sig` that
    of one owner of a Safe, and every `NAME.….psbt` a PSBT that some of the signers signed. Raises `VerificationError`,
    `MalformedError` naming the file.
    """
    items = {item.name: item for item in read_challenges(folder).items}
    signatures: dict[str, str] = {}
    for name, parts in _by_name(paths, items).items():
        item = items[name]
        try:
            signature = _signature(item, parts)
            item.check(signature)
        except AttestError as error:
            raise type(error)(error.code, f"{parts[0].name}: {error.message}", hint=error.hint) from None
        signatures[name] = signature
    for name, signature in signatures.items():
        write_file(folder / SIGNATURES_FOLDER / f"{name}{SIGNATURE}", signature.encode(), mode=SECRET_MODE, force=True)
    return standing(folder)


def standing(folder: Path) -> Standing:
    """Check every signature in `folder` again, and say which are missing. Raises `AttestError`."""
    return _standing(folder, read_challenges(folder))


def _standing(folder: Path, challenges: Challenges) -> Standing:
    returned, missing = [], []
    for item in challenges.items:
        path = folder / SIGNATURES_FOLDER / f"{item.name}{SIGNATURE}"
        if not path.exists():
            missing.append(item)
            continue
        try:
            signature = _text(path)
            method = item.check(signature)
        except AttestError as error:
            raise type(error)(error.code, f"{path.name}: {error.message}", hint=error.hint) from None
        returned.append(Returned(item, method, signature))
    return Standing(returned, missing)


def control_records(folder: Path, max_age: int) -> list[ChallengeBlock | ControlProof | ContractControl]:
    """The signatures in `folder` as evidence, with the blocks that their challenges name. Raises `AttestError`.

    Those that only a contract can speak for are there as not asked about.
    """
    challenges = read_challenges(folder)
    proofs = [_proof(returned) for returned in _standing(folder, challenges).returned]
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
    return [*blocks, *proofs]


def _proof(returned: Returned) -> ControlProof | ContractControl:
    item, method, signature = returned
    if method is None:
        return ContractControl(
            type="control-contract",
            salt=new_salt(),
            wallet=item.wallet,
            challenge=item.challenge,
            signature=signature,
            said_by=(),
        )
    return ControlProof(
        type="control",
        salt=new_salt(),
        wallet=item.wallet,
        challenge=item.challenge,
        method=method,
        signature=signature,
    )


def read_challenges(folder: Path) -> Challenges:
    """The `challenges.json` in `folder`. Raises `AttestError`."""
    data = read_bounded(folder / CHALLENGES_FILE, MAX_CHALLENGES_BYTES)
    return Challenges.from_canonical(data, what=CHALLENGES_FILE, max_bytes=MAX_CHALLENGES_BYTES)


@contextmanager
def _naming(wallet: Wallet) -> Iterator[None]:
    """Name the wallet in an error about its descriptor."""
    try:
        yield
    except MalformedError as error:
        raise MalformedError(error.code, f"wallet {wallet.id}: {error.message}", hint=error.hint) from None


def _evm_addresses(wallets: Sequence[Wallet], places: Register) -> list[str]:
    return list(dict.fromkeys(places.addresses[wallet.id] for wallet in wallets))


def _addresses(quorum: Quorum, block: Block, wallet: Wallet, places: Register) -> list[tuple[str, int | None]]:
    """The addresses of a wallet that must sign, each with its index in the wallet's descriptor."""
    if wallet.id in places.addresses:
        return [(places.addresses[wallet.id], None)]
    if wallet.address is not None:
        return [(wallet.address, None)]
    indexes: dict[bytes, int] = {}
    for index, script in enumerate(places.scripts[wallet.id], start=wallet.range[0] if wallet.range else 0):
        indexes.setdefault(script, index)
    unspent = quorum.ask(lambda node: unspent_at(node, block.pin, sorted(indexes)), difference)
    funded = sorted({utxo.script for utxo in unspent}, key=indexes.__getitem__)
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
                hint="NAME.sig holds the signature of NAME.txt, and NAME.….psbt a signed copy of NAME.psbt",
            )
        found.setdefault(name, []).append(path)
    return found


def _signature(item: Item, parts: Sequence[Path]) -> str:
    """The signature in a challenge's files: one as text, those of owners, or signed PSBTs to combine."""
    texts = [path for path in parts if path.suffix == SIGNATURE]
    if item.contract is not None and texts == list(parts):
        return item.contract.combine(item.challenge, {path.name: _text(path) for path in texts})
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
