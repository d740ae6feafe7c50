"""What custodians confirm of the challenges in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attest.chains.challenge import Challenge
from attest.control.custody import CONFIRMATION, MAX_CONFIRMATION_BYTES, confirm, open_confirmation
from attest.control.records import CustodyConfirmation
from attest.errors import AttestError, MalformedError, VerificationError
from attest.exchange.control.challenges import Challenges, Item, read_challenges
from attest.files import SECRET_MODE, ExistsError, names_in, read_bounded, write_file
from attest.signing.keys import Signer


def write_confirmation(
    folder: Path, custodian: str, signer: Signer, out: Path, *, force: bool
) -> tuple[list[Item], bool]:
    """Write what `custodian` confirms, to `out`: the challenges in `folder` that are of its wallets.

    Returns them, and whether it was written: a confirmation of just these by its key, if it is there, is left.
    Raises `MalformedError` when there is none, `VerificationError` when its key is another than the exchange knows.
    """
    challenges = read_challenges(folder)
    items = [item for item in challenges.items if item.custodian == custodian]
    if not items or (key := challenges.keys.get(custodian)) is None:
        raise MalformedError(
            "custody/custodian",
            f"no challenge in {folder} is for a wallet of {custodian[:100]!r}",
            hint=f"these are asked: {', '.join(item.name for item in challenges.custodians) or 'none'}",
        )
    if key.fingerprint != signer.public.fingerprint:
        raise VerificationError(
            "custody/key",
            f"the exchange knows {custodian} by the key {key.fingerprint}, and this is {signer.public.fingerprint}",
        )
    asked = [item.challenge for item in items]
    try:
        write_file(out, confirm(custodian, asked, signer), mode=SECRET_MODE, force=force)
    except ExistsError:
        if not _confirms(out, asked, challenges):
            raise
        return items, False
    return items, True


def _confirms(path: Path, asked: Sequence[Challenge], challenges: Challenges) -> bool:
    """Whether there is a confirmation in the file `path` that holds, of all that is `asked` and of nothing else."""
    try:
        record = opened(path, read_bounded(path, MAX_CONFIRMATION_BYTES), challenges)
    except AttestError:
        return False
    return set(record.confirmation.challenges) == set(asked)


def opened(path: Path, data: bytes, challenges: Challenges) -> CustodyConfirmation:
    """The confirmation in the file `path`. Raises `AttestError` naming it."""
    keys = challenges.keys
    try:
        return open_confirmation(data, keys=keys, asked={name: frozenset(challenges.asked(name)) for name in keys})
    except AttestError as error:
        raise error.within(path.name) from None


def confirmations_in(folder: Path, challenges: Challenges) -> list[CustodyConfirmation]:
    """The confirmations in the `folder` of what came back, less those that add nothing. Raises `AttestError`."""
    found: list[CustodyConfirmation] = []
    seen: set[Challenge] = set()
    for path in (folder / name for name in names_in(folder, CONFIRMATION)):
        record = opened(path, read_bounded(path, MAX_CONFIRMATION_BYTES), challenges)
        if not seen.issuperset(record.confirmation.challenges):
            seen.update(record.confirmation.challenges)
            found.append(record)
    return found
