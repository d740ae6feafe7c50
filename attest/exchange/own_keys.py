"""The exchange's own key and trust roots, as its config names them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.exchange.config import Config
from attest.exchange.surroundings import Surroundings
from attest.files import read_bounded
from attest.signing.envelope import Envelope
from attest.signing.keys import MAX_KEY_BYTES, PublicKey, Signer, Signs
from attest.signing.signers import Secrets, key_file, open_signer
from attest.signing.trust import MAX_ROOT_FILE_BYTES, MAX_ROOTS, Trust, parse_root, parse_root_file
from attest.verification.anchors import Anchors
from attest.verification.signatories import Signatories

if TYPE_CHECKING:
    from attest.exchange.settings import Custodian

# No pre-authentication encoding of DSSE begins like this, so a signature over it can be put to no other use.
_TRIAL: Final = b"attest: is this key at hand?"


class Own(NamedTuple):
    """The key that signs, and the trust roots from the first to the newest; none when the config names none."""

    signer: Signs
    roots: tuple[Envelope, ...]

    @property
    def keys(self) -> Sequence[PublicKey]:
        """The exchange's keys, now or before."""
        if not self.roots:
            return [self.signer.public]
        return Trust.pin(self.roots[0]).followed_by(self.roots).keys("exchange")

    @property
    def anchors(self) -> Anchors:
        """Whose signatures count when the exchange verifies its own work, though others have yet to sign."""
        if not self.roots:
            return Anchors.keys([self.signer.public])
        return Anchors.pinned(self.roots[0], roles=("exchange",), unfinished=True)


def open_own(config: Config, around: Surroundings, secrets: Secrets) -> Own:
    """The key and the trust roots that the config names, after the key has signed something.

    With trust roots, the key has the role `exchange` in the one in force at `around.now`. Raises `AttestError`.
    """
    keys, folder = config.keys, around.folder
    roots = () if keys.trust_root is None else _roots(folder / keys.trust_root)
    public = None
    if keys.exchange_public is not None:
        path = folder / keys.exchange_public
        public = PublicKey.from_pem(read_bounded(path, MAX_KEY_BYTES), what=str(path))
    file = key_file(keys.exchange, folder)
    if file is not None:
        require_key(file)
    signer = open_signer(keys.exchange if file is None else f"file:{file}", public=public, secrets=secrets)
    if roots:
        root = Trust.pin(roots[0]).followed_by(roots).current(around.now)
        if root.document.origin != config.entity.origin:
            raise VerificationError(
                "run/origin", f"{keys.trust_root} is of {root.document.origin}, not of {config.entity.origin}"
            )
        if signer.public.fingerprint not in root.roles["exchange"].keys:
            raise VerificationError(
                "run/role",
                f"the key {signer.public.fingerprint[:16]}… is not one of the exchange's in trust root {root.version}",
                hint="sign with one that is, or add it: attest trust rotate --exchange PUB",
            )
    # Before an hour of reading: a PIN may be wrong, a token not plugged in, a service refuse.
    signer.sign(_TRIAL)
    return Own(signer, roots)


def require_key(file: Path) -> None:
    """Raises `UnavailableError` when there is no key file."""
    if not os.path.lexists(file):
        raise UnavailableError("key/missing", f"there is no key {file}", hint=f"make one: attest key new {file}")


def missing_signatures(found: Signatories, trust: Trust | None) -> dict[str, int]:
    """How many signatures of each role are still needed; roles that need no more are left out.

    Without timestamps, a later root of `trust` that asks for more asks for them here too.
    """
    if found.root is None or trust is None:
        return {}
    since = [root for root in trust.roots if root.version >= found.root.version]
    missing = {}
    for role in found.root.roles.keys() - {"root"}:
        asked = [root.roles[role].threshold for root in since if role in root.roles]
        missing[role] = max(asked) - len(found.counted.get(role, ()))
    return {role: missing[role] for role in ("exchange", "auditor") if missing.get(role, 0) > 0}


def _roots(newest: Path) -> tuple[Envelope, ...]:
    """The trust roots from the first on; those before the newest lie beside it."""
    last = parse_root_file(read_bounded(newest, MAX_ROOT_FILE_BYTES))
    version = parse_root(last).version
    if version > MAX_ROOTS or (version > 1 and newest.name != f"{version}.root.json"):
        raise MalformedError(
            "config/trust-root",
            f"{newest} is trust root {version}, and not named {version}.root.json",
            hint="the roots from 1.root.json on lie beside it, for those who pinned an older one",
        )
    earlier = []
    for number in range(1, version):
        path = newest.with_name(f"{number}.root.json")
        if not path.exists():
            raise UnavailableError(
                "config/trust-root", f"{path} is missing", hint="whoever pinned an older root needs every one since"
            )
        earlier.append(parse_root_file(read_bounded(path, MAX_ROOT_FILE_BYTES)))
    return (*earlier, last)


def custodian_keys(custodians: Iterable[Custodian], folder: Path) -> dict[str, PublicKey]:
    """The keys of the config's custodians by name; `folder` is the config's. Raises `AttestError`."""
    return {
        item.name: PublicKey.from_pem(read_bounded(folder / item.key, MAX_KEY_BYTES), what=f"{item.key} of {item.name}")
        for item in custodians
    }


def read_signer(path: Path, passphrase: Callable[[], str]) -> Signer:
    """The private key in `path`. Raises `UnavailableError`, `MalformedError`."""
    if not os.path.lexists(path):
        raise UnavailableError("key/missing", f"there is no key {path}", hint=f"make one: attest key new {path}")
    return Signer.from_pem(read_bounded(path, MAX_KEY_BYTES), passphrase=passphrase, what=str(path))
