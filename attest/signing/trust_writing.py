"""The making of trust roots: the first one, those that follow it, and their signatures (protocol.md, section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from attest.canonical import loads
from attest.documents import format_time
from attest.errors import MalformedError, VerificationError
from attest.signing.envelope import MAX_SIGNATURES, Envelope, add_signature, has_signed, sign, verify_signatures
from attest.signing.keys import PublicKey, Signs
from attest.signing.trust import (
    MAX_ROOT_FILE_BYTES,
    TRUST_ROOT_TYPE,
    Role,
    RoleName,
    Roles,
    Root,
    RootKey,
    TrustRoot,
    parse_root,
    parse_root_file,
)

ROLES: Final[tuple[RoleName, ...]] = ("root", "exchange", "auditor")

Keys = Mapping[RoleName, Mapping[str, PublicKey]]
"""The public keys of each role, by their ids."""


class Draft(NamedTuple):
    """A trust root that is being signed.

    `root`: the trust root.
    `envelope`: the trust root with its signatures so far; None before the first one.
    """

    root: Root
    envelope: Envelope | None


def new_root(
    origin: str, keys: Keys, thresholds: Mapping[RoleName, int], *, issued_at: datetime, expires_at: datetime
) -> bytes:
    """The payload of an exchange's first trust root, RFC 8785 bytes.

    `origin`: the domain that names the exchange.
    `keys`: the keys of each role; only the role `auditor` may have none.
    `thresholds`: how many keys of a role must sign; 1 for a role that is left out.
    Raises `MalformedError` when the root would contradict itself, or break a limit of the format.
    """
    return _payload(1, origin, keys, thresholds, issued_at, expires_at)


def next_root(
    last: Root,
    *,
    add: Keys,
    withdraw: Iterable[str],
    thresholds: Mapping[RoleName, int],
    issued_at: datetime,
    expires_at: datetime,
) -> bytes:
    """The payload of the trust root that follows `last`, RFC 8785 bytes.

    `add`: the new keys of each role.
    `withdraw`: the ids of the keys that lose all their roles.
    `thresholds`: the thresholds that change; a role that is left out keeps its own, or has 1 when it is new.
    Raises `VerificationError` when `issued_at` is not after that of `last`; `MalformedError` for an id in `withdraw`
    that `last` does not have, for an id that two keys have, and as `new_root` does.
    """
    gone = set(withdraw)
    for name in gone - last.document.keys.keys():
        raise MalformedError(
            "trust/unknown-key",
            f"trust root {last.version} has no key {name[:64]!r}",
            hint=f"it has {', '.join(sorted(last.document.keys))}",
        )
    if issued_at <= last.document.issued_at:
        raise VerificationError("trust/time", f"trust root {last.version} was issued at this very second, or later")
    kept: dict[RoleName, dict[str, PublicKey]] = {role: {} for role in ROLES}
    kept_thresholds: dict[RoleName, int] = {}
    for role in ROLES:
        listed = getattr(last.document.roles, role)
        if listed is not None:
            kept[role] = {name: last.key(name) for name in listed.keyids if name not in gone}
        kept[role] = one_each((*kept[role].items(), *add.get(role, {}).items()))
        if listed is not None and kept[role]:
            kept_thresholds[role] = listed.threshold
    origin = last.document.origin
    return _payload(last.version + 1, origin, kept, {**kept_thresholds, **thresholds}, issued_at, expires_at)


def one_each(named: Iterable[tuple[str, PublicKey]]) -> dict[str, PublicKey]:
    """The keys by their ids.

    Raises `MalformedError` when two different keys have one id, because one of them would be lost.
    """
    keys: dict[str, PublicKey] = {}
    for name, key in named:
        if keys.setdefault(name, key) != key:
            raise MalformedError(
                "trust/name",
                f"two keys have the name {name[:64]!r}",
                hint="the name of a key's file is its name here; to replace a key, also --withdraw it",
            )
    return keys


def read_draft(data: bytes) -> Draft:
    """The trust root in a file, which is the bare payload or an envelope; no signature is verified.

    Raises `MalformedError` when it cannot be read, `VerificationError` when it contradicts itself or is an envelope of
    another payload type.
    """
    value = loads(data, what="the trust root", max_bytes=MAX_ROOT_FILE_BYTES)
    if not isinstance(value, dict) or "payloadType" not in value:
        return Draft(Root.parse(data), None)
    envelope = parse_root_file(data)
    return Draft(parse_root(envelope), envelope)


def check_root_key(root: Root, key: PublicKey) -> bool:
    """Whether `key` has the role `root` in a trust root.

    A key without that role may still have to sign, because the root keys of version N - 1 sign version N too.
    Raises `VerificationError` when the key does not have the role in version 1, because no root comes before it.
    """
    if key.fingerprint in root.roles["root"].keys:
        return True
    if root.version == 1:
        raise VerificationError(
            "sign/role",
            "your signature would not count: your key is not a root key of trust root 1",
            hint=f"its root keys are {', '.join(root.document.roles.root.keyids)}",
        )
    return False


def sign_draft(data: bytes, signer: Signs) -> Envelope:
    """The envelope of a trust root with a signature of `signer`; a key that signed already does not sign again.

    `data`: the file of the trust root, the bare payload or an envelope.
    `signer`: a root key of this trust root or of the one before it; which of them is not checked here.
    Raises `AttestError` as `read_draft` and `Signs.sign` do; `VerificationError` when a signature that names a root key
    or `signer` is not that key's, and when there are as many signatures as an envelope may have.
    """
    draft = read_draft(data)
    if draft.envelope is None:
        signed = sign(data, TRUST_ROOT_TYPE, [signer])
    elif has_signed(draft.envelope, signer.public):
        signed = draft.envelope
    else:
        signed = add_signature(draft.envelope, signer)
    has_signed(signed, signer.public)  # raises when a device signed with another key
    verify_signatures(signed, tuple(draft.root.roles["root"].keys.values()))
    return signed


def differences(root: Root, other: Root) -> list[str]:
    """The names of the parts in which two trust roots differ: `version`, `origin`, `keys`, `roles`, `days`.

    `days` is the time from issue to expiry. The times of issue themselves are not compared.
    """
    mine, its = root.document, other.document
    return [
        *(["version"] if mine.version != its.version else []),
        *(["origin"] if mine.origin != its.origin else []),
        *(["keys"] if mine.keys != its.keys else []),
        *(["roles"] if mine.roles != its.roles else []),
        *(["days"] if mine.expires_at - mine.issued_at != its.expires_at - its.issued_at else []),
    ]


def _payload(
    version: int,
    origin: str,
    keys: Keys,
    thresholds: Mapping[RoleName, int],
    issued_at: datetime,
    expires_at: datetime,
) -> bytes:
    named = one_each(item for role in ROLES for item in keys.get(role, {}).items())
    for role in ROLES:
        if not keys.get(role) and (role != "auditor" or role in thresholds):
            raise MalformedError("trust/role", f"the role {role} has no key", hint=f"name one: --{role} PUB")
    roles = {
        role: Role.from_value({"keyids": sorted(keys[role]), "threshold": thresholds.get(role, 1)}, what=f"role {role}")
        for role in ROLES
        if keys.get(role)
    }
    signing = roles["exchange"].threshold + (roles["auditor"].threshold if "auditor" in roles else 0)
    if signing > MAX_SIGNATURES:
        raise MalformedError(
            "trust/threshold",
            f"{signing} signatures of exchange and auditor would be needed, and a statement carries {MAX_SIGNATURES}",
        )
    document = TrustRoot.from_value(
        {
            "version": version,
            "issuedAt": format_time(issued_at),
            "expiresAt": format_time(expires_at),
            "origin": origin,
            "keys": {
                name: RootKey(scheme=key.scheme, public=key.to_pem().decode()).to_value() for name, key in named.items()
            },
            "roles": Roles(**roles).to_value(),
        },
        what="the trust root",
    )
    payload = document.to_bytes()
    try:
        Root.parse(payload)
    except VerificationError as error:  # malformed, because the caller asked for a root that contradicts itself
        raise MalformedError(error.code, error.message, hint=error.hint) from None
    return payload
