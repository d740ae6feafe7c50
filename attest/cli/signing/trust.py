"""`attest trust`: the documents that say whose signatures count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attest.cli.options.anchors import gathered, naming, open_key, pin_root, signer_options, with_options
from attest.cli.options.passphrase import passphrase_fd_option
from attest.cli.result import Result, json_option, tell

if TYPE_CHECKING:
    from attest.signing.envelope import Envelope
    from attest.signing.trust import RoleName
    from attest.signing.trust_writing import Draft, Keys

_FILE = click.Path(path_type=Path, dir_okay=False)
_DAYS = click.IntRange(1, 3660)
_KEY_OPTIONS = [
    option
    for role, of in (("root", "signs trust roots"), ("exchange", "signs statements"), ("auditor", "countersigns"))
    for option in (
        click.option(f"--{role}", metavar="PUB", type=_FILE, multiple=True,
                     help=f"A public key that {of}, as PEM; its file's name is its id. Repeatable."),
        click.option(f"--{role}-threshold", metavar="N", type=click.IntRange(1, 16),
                     help=f"How many keys of the role {role} must sign."),
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RoleOptions:
    """The values of the options about roles: files of public keys, and how many of them must sign."""

    root: tuple[Path, ...]
    exchange: tuple[Path, ...]
    auditor: tuple[Path, ...]
    root_threshold: int | None
    exchange_threshold: int | None
    auditor_threshold: int | None

    def keys(self) -> Keys:
        """The keys of each role by their ids, which are the names of their files."""
        from attest.files import read_bounded
        from attest.signing.keys import MAX_KEY_BYTES, PublicKey
        from attest.signing.trust_writing import one_each

        paths: dict[RoleName, tuple[Path, ...]] = {
            "root": self.root,
            "exchange": self.exchange,
            "auditor": self.auditor,
        }
        return {
            role: one_each(
                (path.name.removesuffix(".pub"), PublicKey.from_pem(read_bounded(path, MAX_KEY_BYTES), what=str(path)))
                for path in files
            )
            for role, files in paths.items()
        }

    def thresholds(self) -> dict[RoleName, int]:
        """The thresholds that were named, by role."""
        named: dict[RoleName, int | None] = {
            "root": self.root_threshold,
            "exchange": self.exchange_threshold,
            "auditor": self.auditor_threshold,
        }
        return {role: threshold for role, threshold in named.items() if threshold is not None}


@click.group()
def trust() -> None:
    """Say whose signatures count, and change it: trust roots.

    A root passes through the hands of its signers as one file: each says `attest trust sign FILE --key URI`.
    """


@trust.command("new")
@click.option("--origin", required=True, metavar="DOMAIN", help="The exchange's domain, as in its statements.")
@with_options(*_KEY_OPTIONS)
@click.option("--valid-days", type=_DAYS, default=365, show_default=True, help="For how long it is the latest.")
@click.option("-o", "--out", required=True, type=_FILE, help="The file to write.")
@json_option
@gathered("roles", RoleOptions)
def new(origin: str, *, roles: RoleOptions, valid_days: int, out: Path, as_json: bool) -> Result:  # noqa: ARG001
    """Write an exchange's first trust root, for its root keys to sign."""
    from datetime import UTC, datetime, timedelta

    from attest.signing.trust_writing import new_root

    now = datetime.now(UTC).replace(microsecond=0)
    payload = new_root(
        origin, roles.keys(), roles.thresholds(), issued_at=now, expires_at=now + timedelta(days=valid_days)
    )
    return _written("new", out, payload)


@trust.command("rotate")
@click.argument("last", type=_FILE)
@click.option("--withdraw", metavar="ID", multiple=True, help="A key to leave out of every role. Repeatable.")
@with_options(*_KEY_OPTIONS)
@click.option("--valid-days", type=_DAYS, default=365, show_default=True, help="For how long it is the latest.")
@click.option("-o", "--out", required=True, type=_FILE, help="The file to write.")
@json_option
@gathered("roles", RoleOptions)
def rotate(
    last: Path,
    *,
    withdraw: tuple[str, ...],
    roles: RoleOptions,
    valid_days: int,
    out: Path,
    as_json: bool,  # noqa: ARG001
) -> Result:
    """Write the root that follows LAST, with keys more or less; root keys of both must sign it.

    What a withdrawn key signed counts from then on only where a timestamp proves that it is older: let every bundle
    have its timestamps before a key is withdrawn.
    """
    from datetime import UTC, datetime, timedelta

    from attest.signing.trust_writing import next_root

    known = pin_root(last)
    now = datetime.now(UTC).replace(microsecond=0)
    payload = next_root(
        known.roots[0],
        add=roles.keys(),
        withdraw=withdraw,
        thresholds=roles.thresholds(),
        issued_at=now,
        expires_at=now + timedelta(days=valid_days),
    )
    return _written("rotate", out, payload)


@trust.command("sign")
@click.argument("file", type=_FILE)
@with_options(*signer_options, passphrase_fd_option)
@json_option
def sign(file: Path, *, key: str, public: Path | None, passphrase_fd: int | None, as_json: bool) -> Result:
    """Put your signature under the trust root FILE, which is read and written anew.

    Look at it first: attest trust show FILE.
    """
    from attest.errors import UnavailableError
    from attest.files import change_file
    from attest.signing.trust import MAX_ROOT_FILE_BYTES
    from attest.signing.trust_writing import check_root_key, read_draft, sign_draft

    draft = _draft(file)
    signer = open_key(key, public, passphrase_fd)
    if not check_root_key(draft.root, signer.public):
        tell(as_json)(
            f"this key is not a root key of trust root {draft.root.version}: its signature counts only if it is one of "
            f"the root before, which attest trust show FILE --last LAST tells"
        )

    before: Envelope | None = None

    def sign(now: bytes) -> bytes:
        nonlocal before
        if read_draft(now).root.fingerprint != draft.root.fingerprint:
            raise UnavailableError(
                "sign/changed",
                f"{file} holds another trust root by now: nothing was signed",
                hint="see who wrote it, and begin anew",
            )
        before = read_draft(now).envelope
        signed = sign_draft(now, signer)
        return now if signed == before else signed.to_bytes()

    after = read_draft(change_file(file, sign, max_bytes=MAX_ROOT_FILE_BYTES))
    there = "" if after.envelope != before else f"already signed by this key: nothing was written to {file}"
    return _shown("sign", after, file, there=there)


@trust.command("show")
@click.argument("file", type=_FILE)
@click.option("--last", type=_FILE, help="The root before it, to see whether enough of its keys signed too.")
@json_option
def show(file: Path, *, last: Path | None, as_json: bool) -> Result:  # noqa: ARG001
    """Show the trust root FILE, who signed it, and whether they are enough.

    That says nothing about whose root it is: compare its fingerprint with one that the exchange gave you elsewhere.
    """
    draft = _draft(file)
    follows = ""
    if last is not None:
        chain = pin_root(last)
        if draft.envelope is None:
            chain.check_next(draft.root)
            follows = "; signed, it would follow the root before it"
        else:
            chain.then(draft.envelope)
            follows = "; it follows the root before it"
    return _shown("show", draft, file, follows=follows)


def _written(command: str, out: Path, payload: bytes) -> Result:
    """Write a new trust root to `out`, where there may be one already that differs in nothing but its time."""
    from attest.errors import AttestError, UnavailableError
    from attest.files import ExistsError, make_parent, write_file
    from attest.signing.trust_writing import differences, read_draft

    made = read_draft(payload)
    make_parent(out)
    try:
        write_file(out, payload)
    except ExistsError:
        pass
    else:
        return _shown(command, made, out)
    hint = "choose another name, or move it away"
    try:
        there = _draft(out)
    except AttestError:
        raise UnavailableError("file/exists", f"{out} exists, and is no trust root", hint=hint) from None
    if found := differences(made.root, there.root):
        raise UnavailableError(
            "file/exists",
            f"{out} exists, and is another trust root than you ask for: it differs in {', '.join(found)}",
            hint=hint,
        )
    return _shown(command, there, out, there=f"{out} has this trust root already: nothing was written")


def _draft(file: Path) -> Draft:
    from attest.files import read_bounded
    from attest.signing.trust import MAX_ROOT_FILE_BYTES
    from attest.signing.trust_writing import read_draft

    with naming(file):
        return read_draft(read_bounded(file, MAX_ROOT_FILE_BYTES))


def _shown(command: str, draft: Draft, file: Path, *, follows: str = "", there: str = "") -> Result:
    """A trust root as text and JSON; `there` says, where it is not empty, that the command found it so."""
    from attest.cli.render.tables import new_table, render
    from attest.documents import format_time
    from attest.signing.envelope import verify_signatures

    root = draft.root
    holders = root.roles["root"]
    signed: frozenset[str] = frozenset()
    others = 0
    if draft.envelope is not None:
        signed, others = verify_signatures(draft.envelope, tuple(holders.keys.values()))
    complete = holders.met_by(signed)
    table = new_table("key", *root.roles, "signed", "scheme", "~fingerprint")
    for name, key in sorted(root.document.keys.items()):
        fingerprint = root.key(name).fingerprint
        marks = ["yes" if fingerprint in role.keys else "" for role in root.roles.values()]
        table.add_row(name, *marks, "yes" if fingerprint in signed else "", key.scheme, fingerprint)
    needed = ", ".join(f"{name} {role.threshold} of {len(role.keys)}" for name, role in root.roles.items())
    enough = "enough" if complete else f"{holders.threshold} of its own must sign"
    text = f"{there}\n" if there else ""
    text += (
        f"trust root {root.version} of {root.document.origin}\n"
        f"fingerprint  {root.fingerprint}\n"
        f"issued       {format_time(root.document.issued_at)}, expires {format_time(root.document.expires_at)}\n"
        f"needed       {needed}\n"
        f"signatures   {len(signed)} of its own root keys: {enough}; {others} of other keys"
        f"{follows}\n\n{render(table)}"
    )
    document = {
        "command": f"trust {command}",
        "status": "done",
        "file": str(file),
        "version": root.version,
        "fingerprint": root.fingerprint,
        "root": root.document.to_value(),
        "signed": sorted(root.name_of(fingerprint) for fingerprint in signed),
        "complete": complete,
        **({} if command == "show" else {"added": 0 if there else 1}),
    }
    return Result(document, text)
