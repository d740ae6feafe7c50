"""What comes back for the challenges of a month: signatures, and what custodians confirm."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from attest.chains.challenge import MAX_SIGNATURE, Method
from attest.chains.family import signing
from attest.chains.signature_forms import is_psbt
from attest.chains.signing import AskedItem
from attest.control.custody import CONFIRMATION, MAX_CONFIRMATION_BYTES
from attest.control.records import ChallengeBlock, ContractControl, ControlProof, ControlSample, CustodyConfirmation
from attest.errors import EXIT_CODES, AttestError, MalformedError
from attest.evidence.record import new_salt
from attest.exchange.control.challenges import (
    SIGNATURES_FOLDER,
    Challenges,
    Item,
    read_challenges,
)
from attest.exchange.control.confirm import confirmations_in, opened
from attest.files import SECRET_MODE, is_file, read_bounded, write_file

SIGNATURE: Final = ".sig"
PSBT: Final = ".psbt"
_PSBT: Final = b"psbt\xff"  # how a PSBT begins that is not in base64

ControlRecord = ChallengeBlock | ControlProof | ContractControl | CustodyConfirmation | ControlSample


class Returned(NamedTuple):
    """A signature that holds, and how it was made; without a method only a contract can say whether it holds."""

    item: Item
    method: Method | None
    signature: str


class Standing(NamedTuple):
    """What is there, all of which holds as far as can be said here, and the challenges that wait for a signature.

    `confirmed` are those that only a custodian confirmed. `added` counts the files that were kept anew just now, and
    `already` those that were given and lay there before with the same bytes.
    """

    returned: list[Returned]
    confirmed: list[Item]
    missing: list[Item]
    confirmations: list[CustodyConfirmation]
    added: int = 0
    already: int = 0

    @property
    def unchecked(self) -> list[Item]:
        """Those whose signature only a contract can speak for."""
        return [returned.item for returned in self.returned if returned.method is None]


def add_signatures(folder: Path, paths: Sequence[Path]) -> Standing:
    """Check the signatures and confirmations in `paths` and keep those in `folder` that hold.

    A file is named after its challenge: `NAME.sig` holds the signature as the wallet writes it, every `NAME.….sig` that
    of one owner of a Safe, and every `NAME.….psbt` a PSBT that some of the signers signed. Every `….confirmation.json`
    is what a custodian confirms. Signatures are kept in the one form that is published. Raises `VerificationError`,
    `MalformedError`, `UnavailableError` naming every file that is not kept, after the others are.
    """
    challenges = read_challenges(folder)
    items = {item.name: item for item in challenges.items}
    kept: dict[str, bytes] = {}
    refused: list[AttestError] = []
    left_out = 0
    for name, parts in _by_name(paths, items).items():
        try:
            kept |= _checked(items.get(name), parts, challenges, folder)
        except AttestError as error:
            refused.append(error)
            left_out += len(parts)
    new = {name: data for name, data in kept.items() if not _is_there(folder / SIGNATURES_FOLDER / name, data)}
    for name, data in new.items():
        write_file(folder / SIGNATURES_FOLDER / name, data, mode=SECRET_MODE, force=True)
    if refused:
        raise _refusal(refused, folder, kept=len(paths) - left_out, left_out=left_out)
    return standing(folder)._replace(added=len(new), already=len(kept) - len(new))


def _is_there(path: Path, data: bytes) -> bool:
    return is_file(path) and read_bounded(path, len(data)) == data


def _checked(item: Item | None, parts: Sequence[Path], challenges: Challenges, folder: Path) -> dict[str, bytes]:
    """What to keep of the files of one challenge, or of one that is for none, by its name. Raises `AttestError`."""
    path = parts[0]
    if path.name.endswith(CONFIRMATION):
        data = read_bounded(path, MAX_CONFIRMATION_BYTES)
        opened(path, data, challenges)
        return {f"{sha256(data).hexdigest()[:16]}{CONFIRMATION}": data}
    if item is None:
        raise MalformedError(
            "control/name",
            f"{path.name} is not named after a challenge",
            hint="NAME.sig holds the signature of NAME.txt, NAME.….psbt is a signed copy of NAME.psbt, and "
            f"a custodian's file ends in {CONFIRMATION}",
        )
    try:
        signature = _signature(item, parts, folder)
        item.check(signature)
    except AttestError as error:
        raise error.within(", ".join(part.name for part in parts)) from None
    return {f"{item.name}{SIGNATURE}": signature.encode()}


def _refusal(refused: Sequence[AttestError], folder: Path, *, kept: int, left_out: int) -> AttestError:
    """One error for all: the worst, which is that something is false, and what is wrong with the others."""
    worst = min(refused, key=lambda error: [isinstance(error, kind) for kind in EXIT_CODES].index(True))
    if kept == 0 and len(refused) == 1:
        return worst
    which = "this file is" if left_out == 1 else f"this is one of {left_out} files that are"
    others = [error.message for error in refused if error is not worst]
    return type(worst)(
        worst.code,
        f"{worst.message} ({which} not kept; kept in {folder}: {kept} of {kept + left_out})",
        hint=worst.hint,
        details=(*worst.details, *others),
    )


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
            method = item.check(signature)
        except AttestError as error:
            raise error.within(path.name) from None
        returned.append(Returned(item, method, signature))
    return Standing(returned, confirmed, missing, confirmations)


def challenges_and_standing(folder: Path) -> tuple[Challenges, Standing]:
    """What was asked of the keys in `folder`, and what came back. Raises `AttestError`."""
    challenges = read_challenges(folder)
    return challenges, _standing(folder, challenges)


def control_records(challenges: Challenges, standing: Standing, max_age: int) -> list[ControlRecord]:
    """What came back as evidence, with the blocks that the challenges name.

    The signatures that only a contract can speak for are there as not asked about.
    """
    proofs = [_proof(returned) for returned in standing.returned]
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


def _by_name(paths: Sequence[Path], items: Mapping[str, Item]) -> dict[str, list[Path]]:
    """The files by the challenge that they are named after; each of the others is alone under its path."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        # A wallet's id may have dots, so that the name is the longest one that fits.
        parts = [] if path.name.endswith(CONFIRMATION) else path.name.split(".")
        names = (".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1))
        name = next((name for name in names if name in items), f"{path}/")
        found.setdefault(name, []).append(path)
    return found


def _signature(item: Item, parts: Sequence[Path], folder: Path) -> str:
    """The signature in a challenge's files, as it is published: one, those of owners, or signed PSBTs to combine."""
    texts = [path for path in parts if path.suffix == SIGNATURE]
    signs = signing(item.challenge.chain)
    if item.contract is not None and texts == list(parts):
        return signs.combine(_asked(item), {path.name: _published(item, path) for path in texts}, None)
    if any(path.suffix not in {SIGNATURE, PSBT} for path in parts) or (texts and len(parts) > 1):
        raise MalformedError(
            "control/name", f"{parts[0].name} comes with others", hint="give one .sig or some .psbt for a challenge"
        )
    found = {path.name: _published(item, path) for path in parts}
    (first, *others) = found.values()
    if not others and not is_psbt(first):
        return first
    given = folder / f"{item.name}{PSBT}"
    return signs.combine(_asked(item), found, _published(item, given) if given.exists() else None)


def _asked(item: Item) -> AskedItem:
    return AskedItem(item.name, item.challenge, account=item.contract)


def _published(item: Item, path: Path) -> str:
    """The signature or PSBT in a file, in its one form; a PSBT may be in binary, as BIP-174 has files."""
    data = read_bounded(path, MAX_SIGNATURE)
    return b64encode(data).decode() if data.startswith(_PSBT) else item.published(data)


def _text(path: Path) -> str:
    """A signature that is kept already."""
    data = read_bounded(path, MAX_SIGNATURE)
    try:
        return data.decode("ascii").strip()
    except UnicodeDecodeError:
        raise MalformedError("control/malformed", "this is not text in ASCII") from None
