"""Trust roots: whose signatures count, how many are needed, and since when (protocol.md, section 7).

The first root is pinned by whoever verifies. Every later one is accepted only when enough keys of the one before
it and enough of its own signed it, as in The Update Framework (section 5.3 of its specification).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import zip_longest
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, StringConstraints

from attest.canonical import loads
from attest.documents import Count, Document, Time, format_time
from attest.errors import MalformedError, VerificationError
from attest.signing.envelope import MAX_SIGNATURES, Envelope, verify_signatures
from attest.signing.keys import PublicKey, Scheme

TRUST_ROOT_TYPE: Final = "application/vnd.attest.trust-root+json"
MAX_ROOT_BYTES: Final = 64 * 1024
MAX_ROOT_FILE_BYTES: Final = 128 * 1024
MAX_KEYS: Final = 32
MAX_ROOTS: Final = 64

RoleName = Literal["root", "exchange", "auditor"]
Signed = Mapping[str, datetime | None]
KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]


class RootKey(Document):
    """A public key, as PEM."""

    scheme: Scheme
    public: Annotated[str, Field(max_length=1024)]


class Role(Document):
    """Whose signatures count for one purpose, and how many of them are needed."""

    keyids: Annotated[tuple[KeyName, ...], Field(min_length=1, max_length=MAX_SIGNATURES)]
    threshold: Annotated[Count, Field(ge=1, le=MAX_SIGNATURES)]


class Roles(Document):
    """`root` signs trust roots, `exchange` and `auditor` sign statements; there may be no auditor yet."""

    root: Role
    exchange: Role
    auditor: Role | None = None


class TrustRoot(Document):
    """The signed document. Its key ids are names for people; nothing is counted by them."""

    version: Annotated[Count, Field(ge=1)]
    issued_at: Time
    expires_at: Time
    origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    keys: Annotated[dict[KeyName, RootKey], Field(min_length=1, max_length=MAX_KEYS)]
    roles: Roles


class Holders(NamedTuple):
    """The keys of one role by fingerprint, and its threshold."""

    keys: Mapping[str, PublicKey]
    threshold: int

    def met_by(self, fingerprints: Iterable[str]) -> bool:
        """Whether enough distinct keys of this role are among `fingerprints`."""
        return len(self.keys.keys() & set(fingerprints)) >= self.threshold


@dataclass(frozen=True, slots=True)
class Root:
    """A trust root that does not contradict itself. Who signed it is another question: see `Trust`."""

    document: TrustRoot
    fingerprint: str
    roles: Mapping[RoleName, Holders]

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Parse strictly. Raises `MalformedError`, and `VerificationError` for a contradiction."""
        document = TrustRoot.from_canonical(payload, what="the trust root", max_bytes=MAX_ROOT_BYTES)
        keys = {name: _public_key(name, key) for name, key in document.keys.items()}
        by_fingerprint = {key.fingerprint: name for name, key in keys.items()}
        for name, key in keys.items():
            other = by_fingerprint[key.fingerprint]
            _require(other == name, f"{name} and {other} are one key under two names")
        roles: dict[RoleName, Holders] = {
            "root": _holders("root", document.roles.root, keys),
            "exchange": _holders("exchange", document.roles.exchange, keys),
        }
        if document.roles.auditor is not None:
            roles["auditor"] = _holders("auditor", document.roles.auditor, keys)
            for both in roles["exchange"].keys.keys() & roles["auditor"].keys.keys():
                _require(False, f"{by_fingerprint[both]} is a key of both the exchange and the auditor")  # noqa: FBT003
        used = {fingerprint for holders in roles.values() for fingerprint in holders.keys}
        for unused in by_fingerprint.keys() - used:
            _require(False, f"the key {by_fingerprint[unused]} has no role")  # noqa: FBT003
        _require(document.issued_at < document.expires_at, "it expires before it was issued")
        return cls(document, sha256(payload).hexdigest(), roles)

    @property
    def version(self) -> int:
        """1 for the first root of an exchange, then one more each time."""
        return self.document.version

    def key(self, name: str) -> PublicKey:
        """The key with this id. Raises `KeyError`."""
        return _public_key(name, self.document.keys[name])

    def name_of(self, fingerprint: str) -> str:
        """The id of a key that this root lists, or the beginning of its fingerprint."""
        found = (name for name in self.document.keys if self.key(name).fingerprint == fingerprint)
        return next(found, f"{fingerprint[:16]}…")


@dataclass(frozen=True, slots=True)
class Trust:
    """A chain of trust roots: the pinned one, then each that the one before it let in. Never empty."""

    roots: tuple[Root, ...]

    @classmethod
    def pin(cls, root: Envelope) -> Self:
        """Start from a root that the caller trusts. Raises `MalformedError`, `VerificationError`."""
        parsed = parse_root(root)
        _check_signed(root, parsed, by=parsed)
        return cls((parsed,))

    def then(self, root: Envelope) -> Self:
        """The chain with one root more, which must be the very next.

        An expired root may let in the next one: only `current` asks for the time. Raises `MalformedError`,
        `VerificationError`.
        """
        following = parse_root(root)
        self.check_next(following)
        _check_signed(root, following, by=self.roots[-1])
        _check_signed(root, following, by=following)
        return type(self)((*self.roots, following))

    def check_next(self, following: Root) -> None:
        """Whether `following`, whoever signed it, is the very next by what it says. Raises `VerificationError`."""
        last = self.roots[-1]
        if following.version != last.version + 1:
            raise VerificationError(
                "trust/version",
                f"trust root {following.version} does not follow {last.version}; every version is needed",
            )
        if following.document.origin != last.document.origin:
            raise VerificationError("trust/origin", f"trust root {following.version} is of another exchange")
        if following.document.issued_at <= last.document.issued_at:
            raise VerificationError(
                "trust/time", f"trust root {following.version} was not issued after trust root {last.version}"
            )
        if len(self.roots) >= MAX_ROOTS:
            raise VerificationError(
                "trust/too-many", f"more than {MAX_ROOTS} trust roots follow one another", hint="pin a newer one"
            )

    def followed_by(self, roots: Iterable[Envelope]) -> Self:
        """The chain with those of `roots` that come after it, in any order and each as often as one likes.

        Versions before the pinned one are of no use and are left out; another root under a version that is
        in the chain fails. Of a root that is there several times, one copy that enough keys signed will do. Raises
        `MalformedError`, `VerificationError`.
        """
        by_version: dict[int, list[Envelope]] = {}
        known = {root.version: root.fingerprint for root in self.roots}
        for envelope in roots:
            root = parse_root(envelope)
            if known.setdefault(root.version, root.fingerprint) != root.fingerprint:
                raise VerificationError("trust/fork", f"there are two different trust roots {root.version}")
            copies = by_version.setdefault(root.version, [])
            if envelope not in copies:
                copies.append(envelope)
        chain = self
        for version in sorted(by_version):
            if version > self.roots[-1].version:
                chain = chain._then_one_of(by_version[version])
        return chain

    def _then_one_of(self, copies: Sequence[Envelope]) -> Self:
        """The chain with the first of `copies`, all of one root, that may follow.

        Raises what the very first raises where none may.
        """
        try:
            return self.then(copies[0])
        except VerificationError:
            for copy in copies[1:]:
                with suppress(VerificationError):
                    return self.then(copy)
            raise

    def current(self, now: datetime) -> Root:
        """The root in force at the time of verification. Raises `VerificationError` when there is none."""
        root = self._issued_by(now)
        if root is None:
            raise VerificationError(
                "trust/not-yet", f"trust root {self.roots[0].version} is not yet issued at {format_time(now)}"
            )
        if now >= root.document.expires_at:
            raise VerificationError(
                "trust/expired",
                f"trust root {root.version} expired at {format_time(root.document.expires_at)}",
                hint="ask the exchange for its newer trust roots, and name them with --next-root",
            )
        return root

    def keys(self, *roles: RoleName) -> tuple[PublicKey, ...]:
        """The keys that have, or once had, one of `roles`."""
        found = {
            key.fingerprint: key
            for root in self.roots
            for role in roles
            if role in root.roles
            for key in root.roles[role].keys.values()
        }
        return tuple(found.values())

    def at(self, time: datetime) -> Root:
        """The root in force when something was issued. Raises `VerificationError` when none was."""
        root = self._issued_by(time)
        if root is None:
            raise VerificationError(
                "trust/before",
                f"issued at {format_time(time)}, before trust root {self.roots[0].version}: its keys are not known",
                hint="pin the trust root that was in force then, or an older one",
            )
        if time >= root.document.expires_at:
            raise VerificationError(
                "trust/gap", f"issued at {format_time(time)}, when trust root {root.version} had expired"
            )
        return root

    def standing(
        self, role: RoleName, signed: Signed, *, issued_at: datetime, threshold: int | None = None
    ) -> frozenset[str]:
        """Which keys of `role` count for something issued at `issued_at`; they reach the threshold.

        `signed` has the fingerprint of each key whose signature holds, with the time by which a timestamp proves the
        signature was there, or None. A claimed time proves nothing: whoever stole a key can write any. So the
        thresholds of the root in force at `issued_at` must be reached, and those of every later root too, by keys
        that still have the role; a timestamp from before a root was issued spares the signature that root.
        `threshold` stands in for that of the roots. Raises `VerificationError`.
        """
        start = self.roots.index(self.at(issued_at))
        first = self.roots[start].roles.get(role)
        counted = frozenset(signed) & (frozenset() if first is None else first.keys.keys())
        needed = threshold or 1  # where a root lowers the threshold, or no longer has the role, as many as before
        for root, following in zip_longest(self.roots[start:], self.roots[start + 1 :]):
            holders = root.roles.get(role)
            if threshold is None and holders is not None:
                needed = max(needed, holders.threshold)
            if len(counted) < needed:
                raise _too_few(role, len(counted), needed, root, since=self.roots[start])
            if following is None:
                break
            limit = following.document.issued_at
            proven = frozenset(key for key in counted if (time := signed[key]) is not None and time < limit)
            if len(proven) >= needed:
                return proven
            still = following.roles[role].keys.keys() if role in following.roles else frozenset()
            counted = proven | (counted & still)
        return counted

    def _issued_by(self, time: datetime) -> Root | None:
        return next((root for root in reversed(self.roots) if root.document.issued_at <= time), None)


def parse_root_file(data: bytes) -> Envelope:
    """The envelope of a trust root. Raises `MalformedError`."""
    value = loads(data, what="the trust root", max_bytes=MAX_ROOT_FILE_BYTES)
    if isinstance(value, dict) and "payload" not in value and "roles" in value:
        raise MalformedError(
            "trust/unsigned", "nobody has signed this trust root yet", hint="attest trust sign FILE --key URI"
        )
    return Envelope.from_value(value, what="the trust root")


def parse_root(envelope: Envelope) -> Root:
    """The trust root in `envelope`; nobody's signature is verified. Raises `MalformedError`, `VerificationError`."""
    if envelope.payload_type != TRUST_ROOT_TYPE:
        raise VerificationError("trust/type", f"the payload type is not {TRUST_ROOT_TYPE}: this is no trust root")
    return Root.parse(envelope.payload)


def _check_signed(envelope: Envelope, root: Root, *, by: Root) -> None:
    holders = by.roles["root"]
    count = verify_signatures(envelope, tuple(holders.keys.values()))
    if not holders.met_by(count.signed):
        raise VerificationError(
            "trust/threshold",
            f"trust root {root.version} is signed by {len(count.signed)} of the root keys of version {by.version}; "
            f"{holders.threshold} must",
        )


def _public_key(name: str, key: RootKey) -> PublicKey:
    pem = key.public.encode()
    public = PublicKey.from_pem(pem, what=f"the key {name} of the trust root")
    _require(public.to_pem() == pem, f"the key {name} is not PEM as everybody writes it")
    _require(public.scheme == key.scheme, f"the key {name} is not of the scheme {key.scheme}")
    return public


def _holders(name: RoleName, role: Role, keys: Mapping[str, PublicKey]) -> Holders:
    _require(len(set(role.keyids)) == len(role.keyids), f"the role {name} lists a key twice")
    for keyid in role.keyids:
        _require(keyid in keys, f"the role {name} lists {keyid}, which is not among the keys")
    holders = Holders({keys[keyid].fingerprint: keys[keyid] for keyid in role.keyids}, role.threshold)
    _require(len(holders.keys) >= role.threshold, f"the role {name} has fewer keys than its threshold")
    return holders


def _too_few(role: RoleName, counted: int, needed: int, root: Root, *, since: Root) -> VerificationError:
    if root is since:
        return VerificationError(
            "signature/threshold",
            f"{counted} keys of the {role} signed that trust root {root.version} names; {needed} must",
        )
    return VerificationError(
        "signature/withdrawn",
        f"trust root {root.version} withdrew keys of the {role} or asks for more: {counted} signatures still count; "
        f"{needed} must",
        hint="a timestamp from before the keys were withdrawn would prove that the signatures are as old as they "
        "say: name its authority with --tsa-root",
    )


def _require(condition: bool, otherwise: str) -> None:  # noqa: FBT001
    if not condition:
        raise VerificationError("trust/contradiction", f"the trust root contradicts itself: {otherwise}")
