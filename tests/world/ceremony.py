"""Trust roots and signers for tests, by short names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from attest.canonical import dumps
from attest.documents import format_time
from attest.signing.envelope import Envelope, sign
from attest.signing.keys import Signer
from attest.signing.trust import TRUST_ROOT_TYPE

ORIGIN = "exchange.example"
START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


@cache
def signer(name: str) -> Signer:
    """One key pair a name."""
    return Signer.generate("ecdsa-p256-sha256" if name.startswith("p") else "ed25519")


def fingerprints(names: Iterable[str]) -> frozenset[str]:
    return frozenset(signer(name).public.fingerprint for name in names)


def root_value(version: int, roles: Mapping[str, tuple[str, int]], /, **fields: Any) -> dict[str, Any]:
    """A trust root as JSON; the keys of a role are a string of one-letter names.

    A name with an apostrophe is the key of that name under another key id.
    """
    named = {role: (split(keys), threshold) for role, (keys, threshold) in roles.items()}
    names = {name for keys, _ in named.values() for name in keys}
    issued = START + timedelta(days=30 * (version - 1))
    return {
        "version": version,
        "issuedAt": format_time(issued),
        "expiresAt": format_time(issued + YEAR),
        "origin": ORIGIN,
        "keys": {
            name.replace("'", "-again"): {
                "scheme": signer(name[0]).public.scheme,
                "public": signer(name[0]).public.to_pem().decode(),
            }
            for name in names
        },
        "roles": {
            role: {"keyids": [name.replace("'", "-again") for name in keys], "threshold": threshold}
            for role, (keys, threshold) in named.items()
        },
        **fields,
    }


def split(keys: str) -> list[str]:
    """`ab'c` as `a`, `b'`, `c`."""
    return [key + "'" * (keys[i + 1 : i + 2] == "'") for i, key in enumerate(keys) if key != "'"]


def root(version: int, roles: Mapping[str, tuple[str, int]], sigs: str, /, **fields: Any) -> Envelope:
    """A trust root signed by the keys `sigs`."""
    return signed_value(root_value(version, roles, **fields), sigs)


def signed_value(value: Any, sigs: Sequence[str]) -> Envelope:
    return sign(dumps(value), TRUST_ROOT_TYPE, [signer(name) for name in sigs])
