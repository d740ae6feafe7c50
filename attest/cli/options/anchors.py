"""What the one who verifies trusts, as options: pinned trust root or key, clocks, and the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from attest.signing.envelope import Envelope
    from attest.signing.keys import PublicKey, Signs
    from attest.signing.timestamp import Authorities
    from attest.signing.trust import RoleName, Trust
    from attest.verification.anchors import Anchors

_FILE = click.Path(path_type=Path, dir_okay=False)
_MISSING: Final = {
    "exchange": "{} more of the exchange's keys must sign: attest sign BUNDLE --key URI",
    "auditor": "{} of the auditor's keys must sign: attest countersign BUNDLE --key URI --trust-root FILE",
}

trust_root_option = click.option(
    "--trust-root", metavar="FILE", type=_FILE,
    help="The exchange's trust root that you pinned, from a place you trust; never from beside the bundle.",
)  # fmt: skip
next_root_option = click.option(
    "--next-root", "next_roots", metavar="FILE", type=_FILE, multiple=True,
    help="A later trust root, where the bundle does not carry it. Repeatable.",
)  # fmt: skip
later_options = [
    next_root_option,
    click.option("--tsa-root", "tsa_roots", metavar="PEM", type=_FILE, multiple=True,
                 help="Root certificates of a timestamp authority whose clock you believe, and intermediate ones that "
                 "it does not send. Repeatable."),
    click.option("--at", metavar="TIME", help="Verify as if it were this time, like 2026-11-30T00:00:00Z."),
]  # fmt: skip
signer_options = [
    click.option("--key", "key", required=True, metavar="URI",
                 help="Your private key: a PEM file, hsm:2?label=TOKEN, pkcs11:token=TOKEN;id=%02, or one of a service "
                 "(awskms:, azurekms:, gcpkms:, hv:)."),
    click.option("--public", metavar="PUB", type=_FILE, help="Its public key as PEM; needed for a service."),
]  # fmt: skip


def gathered(name: str, kind: type[DataclassInstance]) -> Callable[[Any], Any]:
    """Decorate a command so that it gets the options named like the fields of `kind` as one value of it, `name`."""

    def decorate(command: Any) -> Any:
        @wraps(command)
        def gather(*arguments: object, **options: object) -> Any:
            of = {field.name: options.pop(field.name) for field in fields(kind)}
            return command(*arguments, **{name: kind(**of)}, **options)

        return gather

    return decorate


def with_options(*options: Any) -> Callable[[Any], Any]:
    """Decorate a command with `options`, in their order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def open_key(uri: str, public: Path | None, passphrase_fd: int | None) -> Signs:
    """The private key that `signer_options` name."""
    from attest.cli.options.passphrase import secrets_from
    from attest.signing.signers import open_signer

    known = None if public is None else read_key(public)
    return open_signer(uri, public=known, secrets=secrets_from(passphrase_fd))


def read_key(path: Path) -> PublicKey:
    """The public key in a file."""
    from attest.files import read_bounded
    from attest.signing.keys import MAX_KEY_BYTES, PublicKey

    return PublicKey.from_pem(read_bounded(path, MAX_KEY_BYTES), what=str(path))


def read_root(path: Path) -> Envelope:
    """The trust root in a file, of which nobody's signature is verified."""
    from attest.files import read_bounded
    from attest.signing.trust import MAX_ROOT_FILE_BYTES, parse_root_file

    with naming(path):
        return parse_root_file(read_bounded(path, MAX_ROOT_FILE_BYTES))


def required_root(path: Path | None) -> Path:
    """The file of --trust-root. Raises `click.UsageError` without one."""
    if path is None:
        raise click.UsageError("say whom you trust: --trust-root FILE")
    return path


def pinned(path: Path, roles: Sequence[RoleName]) -> Anchors:
    """Whoever the trust root in a file names, with no later root yet; the thresholds of `roles` must be reached."""
    from attest.verification.anchors import Anchors

    root = read_root(path)
    with naming(path):
        return Anchors.pinned(root, roles=roles)


def pin_root(path: Path) -> Trust:
    """The trust root in a file, as the first of a chain."""
    from attest.signing.trust import Trust

    root = read_root(path)
    with naming(path):
        return Trust.pin(root)


def read_authorities(paths: Sequence[Path]) -> Authorities:
    """The certificates in the files of --tsa-root, all together: an intermediate may stand beside its root or apart."""
    from attest.files import read_bounded
    from attest.signing.timestamp import MAX_ROOTS_BYTES, parse_authorities, require_root

    found = [one for path in paths for one in parse_authorities(read_bounded(path, MAX_ROOTS_BYTES), what=str(path))]
    if paths:
        require_root(found, what=", ".join(map(str, paths)))
    return found


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Say which file it is that cannot be read: who names several does not know it otherwise."""
    from attest.errors import MalformedError

    try:
        yield
    except MalformedError as error:
        raise error.within(str(path)) from None


def missing_text(missing: Mapping[str, int]) -> str:
    """A line for each role whose keys have yet to sign."""
    return "\n".join(f"missing    {_MISSING[role].format(count)}" for role, count in missing.items())


@dataclass(frozen=True, slots=True)
class AnchorOptions:
    """The values of the options."""

    trust_root: Path | None
    next_roots: tuple[Path, ...]
    tsa_roots: tuple[Path, ...]
    at: str | None

    def now(self) -> datetime:
        """The time of verification."""
        from datetime import UTC

        from attest.documents import parse_time

        return datetime.now(UTC) if self.at is None else parse_time(self.at)

    def as_of(self) -> str:
        """What is to be read with a verdict that is of another time than now; nothing without --at."""
        if self.at is None:
            return ""
        return f"\n\nAll of this is as of {self.at} (--at), not of now: keys and statements may have expired since."

    def anchors(self, roles: Sequence[RoleName] = ("exchange", "auditor")) -> Anchors:
        """Whose signatures count by the files that were named. Raises `AttestError`."""
        return replace(
            pinned(required_root(self.trust_root), roles),
            later_roots=tuple(read_root(later) for later in self.next_roots),
            authorities=read_authorities(self.tsa_roots),
        )

    def of_key(self, key: PublicKey) -> Anchors:
        """The exchange's `key` trusted by itself, and the authorities that were named. Raises `AttestError`."""
        from attest.verification.anchors import Anchors

        return Anchors.keys([key], authorities=read_authorities(self.tsa_roots))
