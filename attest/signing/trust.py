"""Trust roots: the keys whose signatures count, how many must sign, and since when (protocol.md, section 7).

A trust root is a signed document that gives keys the roles `root`, `exchange` and `auditor`, each with a threshold.
`Trust` is a chain of them, and keeps these rules, which follow The Update Framework (section 5.3 of its specification):

1. The verifier chooses the first root of a chain and pins it. It must be signed by the threshold of its own root keys.
2. Root N+1 follows root N when the thresholds of root keys of both have signed it. Its version is one more, its origin
   is equal, and it was issued later. A chain has at most `MAX_ROOTS` roots.
3. Two different roots of one version are an error. Envelopes with equal payloads are copies of one root; one copy must
   have enough signatures by itself.
4. Keys are counted by their fingerprints, because their ids are only names for people.
5. The root in force at a time is the latest that was issued by then. It must not have expired by then. An expired root
   may still be followed by the next one.
6. A signature counts when its key has the role in the root in force at the time of issue that its document states, and
   in every later root of the chain. A timestamp from before a later root was issued exempts the signature from that
   root and all after it, because it proves that the key signed before it was withdrawn.
7. The signatures that count must reach the threshold at the time of issue, and that of every later root unless enough
   of them are exempt from it. A later root never lowers the threshold.

Example: root 1 gives the role `exchange` to the keys `a` and `b`, one of which must sign. Root 2 is issued in April and
withdraws `a`. A statement is issued in March. Keys are given by fingerprint, each with its timestamp or None:

    >>> trust = Trust.pin(root_1).followed_by([root_2])
    >>> trust.standing("exchange", {a: None}, issued_at=march)  # whoever stole `a` may have signed in May
    VerificationError: signature/withdrawn
    >>> trust.standing("exchange", {a: march}, issued_at=march) == {a}  # a timestamp proves that `a` signed in March
    True
    >>> trust.standing("exchange", {a: None, b: None}, issued_at=march) == {b}  # `b` still has the role
    True
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
"""Keys whose signatures hold, by fingerprint: the time by which a timestamp proves the signature, or None."""
KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]


class RootKey(Document):
    """A public key in a trust root.

    `scheme`: the signature scheme of the key.
    `public`: the SubjectPublicKeyInfo in PEM (RFC 7468), in just the form that `PublicKey.to_pem` writes.
    """

    scheme: Scheme
    public: Annotated[str, Field(max_length=1024)]


class Role(Document):
    """The keys of one role.

    `keyids`: the ids of the keys, 1 to 16, each once.
    `threshold`: how many of them must sign, at least 1.
    """

    keyids: Annotated[tuple[KeyName, ...], Field(min_length=1, max_length=MAX_SIGNATURES)]
    threshold: Annotated[Count, Field(ge=1, le=MAX_SIGNATURES)]


class Roles(Document):
    """The roles in a trust root.

    `root`: the keys that sign trust roots.
    `exchange`: the keys that sign the exchange's statements.
    `auditor`: the keys that countersign statements and sign auditor reports; absent while there is no auditor.
    """

    root: Role
    exchange: Role
    auditor: Role | None = None


class TrustRoot(Document):
    """The payload of a trust root.

    `version`: 1 for the first root of an exchange, one more for each that follows.
    `issued_at`: the time from which it is in force, until a later root is issued.
    `expires_at`: the time from which it is not in force, whether or not there is a later root.
    `origin`: the domain that names the exchange.
    `keys`: the public keys by their ids, which are names for people; signatures are counted by fingerprint.
    `roles`: the keys and threshold of each role.
    """

    version: Annotated[Count, Field(ge=1)]
    issued_at: Time
    expires_at: Time
    origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
    keys: Annotated[dict[KeyName, RootKey], Field(min_length=1, max_length=MAX_KEYS)]
    roles: Roles


class Holders(NamedTuple):
    """The keys of one role, parsed.

    `keys`: the public keys by fingerprint.
    `threshold`: how many of them must sign.
    """

    keys: Mapping[str, PublicKey]
    threshold: int

    def met_by(self, fingerprints: Iterable[str]) -> bool:
        """Whether as many distinct keys of this role as its threshold are among `fingerprints`."""
        return len(self.keys.keys() & set(fingerprints)) >= self.threshold


@dataclass(frozen=True, slots=True)
class Root:
    """A trust root that was parsed and does not contradict itself; its signatures are verified by `Trust`.

    `document`: the payload.
    `fingerprint`: the SHA-256 of the bytes of the payload, 64 hex digits.
    `roles`: the keys of each role; no `auditor` while there is none.
    """

    document: TrustRoot
    fingerprint: str
    roles: Mapping[RoleName, Holders]

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """The trust root in RFC 8785 bytes.

        Raises `MalformedError` when the bytes are no trust root, or a key is weak or unreadable; `VerificationError`
        (`trust/contradiction`) for one key under two ids or in both `exchange` and `auditor`, a key without a role or
        of another form or scheme than stated, a role that lists an id twice or without a key or has fewer keys than its
        threshold, and a root that expires before it was issued.
        """
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
        """The version of the root: 1 for the first root of an exchange, one more for each that follows."""
        return self.document.version

    def key(self, name: str) -> PublicKey:
        """The key with this id. Raises `KeyError`."""
        return _public_key(name, self.document.keys[name])

    def name_of(self, fingerprint: str) -> str:
        """The id of the key with this fingerprint; 16 digits of the fingerprint when the root does not list the key."""
        found = (name for name in self.document.keys if self.key(name).fingerprint == fingerprint)
        return next(found, f"{fingerprint[:16]}…")


@dataclass(frozen=True, slots=True)
class Trust:
    """A chain of trust roots that keeps the rules at the top of this module.

    `roots`: the pinned root, then each that followed; never empty.
    """

    roots: tuple[Root, ...]

    @classmethod
    def pin(cls, root: Envelope) -> Self:
        """The chain of one root that the caller trusts (rule 1).

        Raises `MalformedError` when it cannot be read; `VerificationError` when it contradicts itself, or fewer of its
        root keys signed it than its threshold.
        """
        parsed = parse_root(root)
        _check_signed(root, parsed, by=parsed)
        return cls((parsed,))

    def then(self, root: Envelope) -> Self:
        """The chain with one more root, the next version (rule 2).

        Whether roots have expired is left to `current`, because an expired root may be followed by the next one.
        Raises `MalformedError` when `root` cannot be read; `VerificationError` when it does not follow, or fewer root
        keys of either root signed it than the threshold.
        """
        following = parse_root(root)
        self.check_next(following)
        _check_signed(root, following, by=self.roots[-1])
        _check_signed(root, following, by=following)
        return type(self)((*self.roots, following))

    def check_next(self, following: Root) -> None:
        """Raise `VerificationError` unless `following` is the next root by its version, origin and time of issue.

        Its signatures are not looked at. A chain of `MAX_ROOTS` roots has no next one.
        """
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
        """The chain with all `roots` that come after its last one (rules 2 and 3).

        `roots`: in any order, also several copies of one root. Those of versions up to the last one are not added.
        Raises `MalformedError` when one cannot be read; `VerificationError` when two of one version differ, a version
        is missing, or no copy of a root may follow.
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
        """The chain with the first envelope of `copies` that may follow; all are copies of one root.

        Raises the error of the first copy when none may follow.
        """
        try:
            return self.then(copies[0])
        except VerificationError:
            for copy in copies[1:]:
                with suppress(VerificationError):
                    return self.then(copy)
            raise

    def current(self, now: datetime) -> Root:
        """The root in force at the time of verification, `now` (rule 5).

        Raises `VerificationError` when the pinned root was not yet issued (`trust/not-yet`), or the latest one that was
        issued has expired (`trust/expired`).
        """
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
        """The distinct keys that have one of `roles` in any root of the chain."""
        found = {
            key.fingerprint: key
            for root in self.roots
            for role in roles
            if role in root.roles
            for key in root.roles[role].keys.values()
        }
        return tuple(found.values())

    def at(self, time: datetime) -> Root:
        """The root in force at `time`, when a document was issued (rule 5).

        Raises `VerificationError` when the pinned root was not yet issued then (`trust/before`), or the latest one that
        was issued had expired (`trust/gap`).
        """
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
        """The fingerprints of the keys of `role` that count for a document (rules 6 and 7); they reach the threshold.

        `signed`: the keys whose signatures hold, each with the time that a timestamp proves.
        `issued_at`: the time of issue that the document states. Later roots are asked too, because this is only a
        claim: whoever stole a key can write any time.
        `threshold`: a number that replaces the thresholds of all roots; None for those of the roots.
        Raises `VerificationError` as `at` does, and when too few keys count in the root in force at `issued_at`
        (`signature/threshold`) or in a later one (`signature/withdrawn`).
        """
        start = self.roots.index(self.at(issued_at))
        first = self.roots[start].roles.get(role)
        counted = frozenset(signed) & (frozenset() if first is None else first.keys.keys())
        needed = threshold or 1  # kept from the root before, where a root lowers the threshold or lacks the role
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
        """The latest root that was issued by `time`; None when even the pinned one was issued later."""
        return next((root for root in reversed(self.roots) if root.document.issued_at <= time), None)


def parse_root_file(data: bytes) -> Envelope:
    """The envelope in the file of a trust root; neither its payload nor its signatures are looked at.

    Raises `MalformedError` when `data` is no envelope (`trust/unsigned` for a bare payload), or has more than
    `MAX_ROOT_FILE_BYTES`.
    """
    value = loads(data, what="the trust root", max_bytes=MAX_ROOT_FILE_BYTES)
    if isinstance(value, dict) and "payload" not in value and "roles" in value:
        raise MalformedError(
            "trust/unsigned", "nobody has signed this trust root yet", hint="attest trust sign FILE --key URI"
        )
    return Envelope.from_value(value, what="the trust root")


def parse_root(envelope: Envelope) -> Root:
    """The trust root in an envelope; no signature is verified.

    Raises `VerificationError` for another payload type, and `MalformedError`, `VerificationError` as `Root.parse` does.
    """
    if envelope.payload_type != TRUST_ROOT_TYPE:
        raise VerificationError("trust/type", f"the payload type is not {TRUST_ROOT_TYPE}: this is no trust root")
    return Root.parse(envelope.payload)


def _check_signed(envelope: Envelope, root: Root, *, by: Root) -> None:
    """Raise `VerificationError` unless the threshold of the root keys of `by` signed `root`, which is in `envelope`."""
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
    """The error for too few signatures of a role in `root`; `since` is the root in force at the time of issue."""
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
