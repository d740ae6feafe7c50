"""What verifiers are given, made of cases of the corpus: bytes changed anyhow, and what was changed and signed again.

What is changed anyhow seldom comes past the strict reading of documents. So most changes are plausible ones: a value
is replaced by another one of its kind, and a key of the tests signs the result; then all steps have something to find.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, cached_property
from hashlib import sha256
from random import Random
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from attest.attestation.bundle import parse_bundle
from attest.attestation.concentration import declaration_lines
from attest.attestation.editions import AuditorLine
from attest.attestation.files import AUDITOR_EVIDENCE, PUBLIC_EVIDENCE
from attest.attestation.statement import PAYLOAD_TYPE, Statement
from attest.canonical import dumps
from attest.errors import AttestError
from attest.evidence.record import record_leaf
from attest.evidence.tree import EvidenceTree
from attest.exchange.stated import reserve_lines
from attest.signing.envelope import pre_auth_encoding
from attest.signing.keys import Signer
from attest.signing.trust import TRUST_ROOT_TYPE
from attest.verification.evidence.lowest_counts import window_declarations
from tests.fuzz.mutations import _changed, mutated
from tests.web.given import Given, corpus

NOT_NAMED = "s"  # signs, and nobody names its key
ROLES = {"root": ("ab", 2), "exchange": ("xyp", 2), "auditor": ("u", 1)}
DATES = (
    ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ("2026-11-15T00:00:00Z", "2027-11-15T00:00:00Z"),
    ("2026-12-01T00:00:00Z", "2028-12-01T00:00:00Z"),
)
TIMES = ("2026-10-31T15:00:00Z", "2026-11-01T00:00:00Z", "2026-11-25T00:00:00Z", "2026-12-10T00:00:00Z")
NONCES = (None, "5a" * 16, "6b" * 16)
_ORDER = {
    "reserves": ("asset", "chain", "purpose", "storage", "evidence", "control"),
    "declarations": ("kind", "name", "unit", "since", "until", "evidenceLeaf"),
    "subject": ("name",),
}


@cache
def signer(name: str) -> Signer:
    """The same key pair for a name at all times, that of `p` for ECDSA."""
    seed = sha256(f"tests of the page, {name}".encode()).digest()
    private: Any = (
        ec.derive_private_key(int.from_bytes(seed) >> 1, ec.SECP256R1())
        if name == "p"
        else ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Signer.from_pem(pem, passphrase=str, what="a key of the tests")


def pem(name: str) -> bytes:
    return signer(name).public.to_pem()


def envelope(payload: bytes, names: str, payload_type: str = PAYLOAD_TYPE) -> dict[str, Any]:
    """A DSSE envelope as JSON."""
    message = pre_auth_encoding(payload_type, payload)
    return {
        "payloadType": payload_type,
        "payload": _base64(payload),
        "signatures": [
            {"keyid": signer(name).public.fingerprint, "sig": _base64(signer(name).sign(message))} for name in names
        ],
    }


def bundle(payload: bytes, names: str = "x", **parts: Any) -> dict[str, Any]:
    """A bundle as JSON."""
    return {
        "format": "attest/bundle/v1",
        "envelope": envelope(payload, names),
        "timestamps": [],
        "trustRoots": [],
        "auditorReports": [],
        **parts,
    }


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


@dataclass(frozen=True)
class Base:
    """A case of the corpus whose statement can be read."""

    name: str
    given: Given

    @cached_property
    def payload(self) -> bytes:
        return parse_bundle(self.given.bundle).envelope.payload

    @cached_property
    def statement(self) -> Any:
        return json.loads(self.payload)

    @cached_property
    def records(self) -> list[Any]:
        """The records of the edition with most of them, as JSON, in their order."""
        if (whole := self.given.files.get(AUDITOR_EVIDENCE)) is not None:
            return [json.loads(line) for line in whole.splitlines()]
        lines = self.given.files.get(PUBLIC_EVIDENCE, b"").splitlines()
        return [json.loads(line)["record"] for line in lines]


class Maker:
    """Makes what verifiers are given. All that it draws comes from the `Random` that it is handed."""

    def __init__(self) -> None:
        cases = {name: Given.of_case(*case) for name, case in corpus().items()}
        self.bases = [Base(name, given) for name, given in cases.items()]
        self.readable = [base for base in self.bases if _is_readable(base)]
        self.with_records = [base for base in self.readable if base.records]
        self.with_control = [
            base for base in self.with_records if any("control" in record["type"] for record in base.records)
        ]
        self.proofs = list({given.proof: None for given in cases.values() if given.proof})
        self._pool: dict[str, list[Any]] = defaultdict(list)
        seen = set()
        for value in self._documents():
            for parent, key in _places(value):
                spelled = json.dumps([key, parent[key]], sort_keys=True)
                if isinstance(key, str) and len(spelled) < 20_000 and spelled not in seen:
                    seen.add(spelled)
                    self._pool[key].append(parent[key])

    def _documents(self) -> Iterator[Any]:
        for base in self.readable:
            yield base.statement
            yield from base.records
            with suppress(ValueError):
                yield json.loads(base.given.bundle)
        for proof in self.proofs:
            with suppress(ValueError):
                yield json.loads(proof)

    def given(self, random: Random) -> tuple[str, Given]:
        """What is changed in it, and the whole."""
        kinds: list[Callable[[Random], Given]] = [
            self.anyhow,
            self.anyhow_beside,
            *[self.stated] * 3,
            *[self.recorded] * 4,
            self.proven,
            *[self.trusted] * 2,
            self.following,
        ]
        kind = random.choice(kinds)
        made = kind(random)
        if random.random() < 0.1:
            made = replace(made, at=random.choice(TIMES))
        if random.random() < 0.1:
            made = self._known_otherwise(random, made)
        return kind.__name__, made

    def _known_otherwise(self, random: Random, made: Given) -> Given:
        """The same for a verifier who knows another nonce, or other custodians."""
        match random.randrange(3):
            case 0:
                return replace(made, nonce=random.choice(NONCES))
            case 1:
                return replace(made, window_nonce=random.choice(NONCES))
        names = sorted(made.custodians) or ["Vault Trust", "Other Trust"]
        return replace(made, custodians={name: pem(random.choice("xus")) for name in names if random.random() < 0.7})

    def anyhow(self, random: Random) -> Given:
        """A bundle, the proof beside it, or a pack of both, whose bytes were changed."""
        base = random.choice(self.bases).given
        if base.pack is not None:
            return replace(base, pack=mutated(random, [base.pack]))
        if base.proof is not None and random.random() < 0.5:
            return replace(base, proof=mutated(random, self.proofs))
        return replace(base, bundle=mutated(random, [base.bundle]))

    def anyhow_beside(self, random: Random) -> Given:
        """A file beside the bundle whose bytes were changed, mostly as the statement says."""
        base = random.choice(self.with_records)
        name = random.choice(sorted(base.given.files))
        files = {**base.given.files, name: mutated(random, [base.given.files[name]])}
        if random.random() < 0.1:
            return replace(base.given, files=files)
        return self._signed(random, base, deepcopy(base.statement), files)

    def stated(self, random: Random) -> Given:
        """A statement that was changed and signed."""
        base = random.choice(self.readable)
        statement = deepcopy(base.statement)
        if random.random() < 0.2:
            statement = _changed(random, statement)
        else:
            self._plausible(random, statement)
        if isinstance(statement, dict) and random.random() < 0.7:
            _tidy(statement)
        return self._signed(random, base, statement, dict(base.given.files))

    def recorded(self, random: Random) -> Given:
        """Records that were changed, in a tree of their own, under a statement that mostly says what they say."""
        base = random.choice(random.choice((self.with_records, self.with_control)))
        statement, records = deepcopy(base.statement), deepcopy(base.records)
        for _ in range(random.choice((0, 1, 1, 1, 1, 2, 4))):
            with suppress(TypeError, KeyError, IndexError):  # of a record that an earlier change made none
                self._change_records(random, records)
        if not records:
            return base.given
        lines = [_spelled(record) for record in records]
        tree = state_evidence(statement, lines)
        if random.random() < 0.8:
            restate(statement, lines, declarations=random.random() < 0.8)
        withheld = {number for number in range(len(lines)) if random.random() < 0.1} if random.random() < 0.3 else set()
        public = public_lines(tree, records, withheld)
        if random.random() < 0.05:
            self._plausible(random, random.choice(public or [{}]))
        files = {name: data for name, data in base.given.files.items() if name != AUDITOR_EVIDENCE}
        files[PUBLIC_EVIDENCE] = b"".join(_spelled(line) + b"\n" for line in public)
        if random.random() < 0.2:
            files[AUDITOR_EVIDENCE] = b"".join(line + b"\n" for line in lines)
        return self._signed(random, base, statement, files)

    def proven(self, random: Random) -> Given:
        """An inclusion proof that was changed."""
        with_proof = [one for one in self.readable if one.given.proof is not None]
        base = random.choice(with_proof)
        made = self._signed(random, base, deepcopy(base.statement), dict(base.given.files))
        try:
            proof = json.loads(made.proof or b"")
        except ValueError:
            return made
        for _ in range(random.choice((1, 1, 2))):
            self._plausible(random, proof)
        return replace(made, proof=_spelled(proof))

    def trusted(self, random: Random) -> Given:
        """A bundle under trust roots, with countersignatures, reports and timestamps."""
        base = random.choice(self.readable)
        statement = deepcopy(base.statement)
        if random.random() < 0.3:
            statement["predicate"]["issuedAt"] = random.choice(TIMES)
        payload = _spelled(statement)
        roots = [self._root(random, number) for number in range(len(DATES))]
        value = bundle(payload, _names(random, "xyu", "xypuzws"))
        value["trustRoots"] = random.sample(roots, random.choice((0, 0, 1, 2, 3)))
        if random.random() < 0.5:
            value["auditorReports"] = [self._report(random, payload) for _ in range(random.choice((1, 1, 2)))]
        if random.random() < 0.2:
            stamps = [item for other in self._pool["timestamps"] for item in other]
            value["timestamps"] = deepcopy(random.sample(stamps, 1))
            value["timestamps"][0]["payload"] = sha256(payload).hexdigest()
            value["timestamps"][0]["keyid"] = signer(random.choice("xyu")).public.fingerprint
        if random.random() < 0.3:
            self._plausible(random, value)
        return replace(
            base.given,
            bundle=_spelled(value),
            keys=(),
            trust_root=_spelled(roots[random.choice((0, 0, 0, 1, 2))]),
            next_roots=[_spelled(root) for root in random.sample(roots, random.choice((0, 0, 0, 1, 2)))],
            at=random.choice(TIMES),
            proof=None,
        )

    def following(self, random: Random) -> Given:
        """A statement and the one before it."""
        base = random.choice(self.readable)
        earlier = deepcopy(base.statement)
        later = deepcopy(base.statement)
        earlier["predicate"] |= {
            "period": "2026-09",
            "snapshotAt": "2026-09-30T15:00:00Z",
            "issuedAt": "2026-10-02T03:10:00Z",
            "expiresAt": "2026-11-17T03:10:00Z",
        }
        if random.random() < 0.5:
            self._plausible(random, earlier)
        first = _spelled(earlier)
        later["predicate"] |= {"sequence": random.choice((1, 1, 1, 0, 2)), "previous": sha256(first).hexdigest()}
        if random.random() < 0.3:
            self._plausible(random, later)
        previous = _spelled(bundle(first))
        if random.random() < 0.2:
            previous = mutated(random, [previous])
        return replace(self._signed(random, base, later, dict(base.given.files)), previous=previous)

    def _root(self, random: Random, number: int) -> dict[str, Any]:
        roles = dict(ROLES)
        if random.random() < 0.3:
            roles["exchange"] = (random.choice(("xyw", "xyz", "xy", "x")), random.choice((1, 2)))
        if random.random() < 0.2:
            roles["auditor"] = (random.choice(("up", "w", "x")), 1)
        if random.random() < 0.1:
            del roles["auditor"]
        issued, expires = DATES[number]
        names = {name for keys, _ in roles.values() for name in keys}
        value: dict[str, Any] = {
            "version": number + 1,
            "issuedAt": issued,
            "expiresAt": expires,
            "origin": "exchange.example",
            "keys": {
                name: {"scheme": signer(name).public.scheme, "public": pem(name).decode()} for name in sorted(names)
            },
            "roles": {
                role: {"keyids": list(keys), "threshold": min(threshold, len(keys))}
                for role, (keys, threshold) in roles.items()
            },
        }
        if random.random() < 0.1:
            self._plausible(random, value)
        return envelope(_spelled(value), _names(random, "ab", "abxs", often=0.95), TRUST_ROOT_TYPE)

    def _report(self, random: Random, payload: bytes) -> dict[str, Any]:
        value: dict[str, Any] = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "statement.json", "digest": {"sha256": sha256(payload).hexdigest()}}],
            "predicateType": "urn:attest-por:auditor-report:v1",
            "predicate": {
                "auditor": "Example Audit LLC",
                "standard": "ISRS 4400 (Revised)",
                "issuedAt": random.choice(TIMES),
                "procedures": [{"procedure": "Recomputed the trees", "finding": "They agree", "exception": False}],
            },
        }
        if random.random() < 0.3:
            self._plausible(random, value)
        return envelope(_spelled(value), _names(random, "u", "uxp"))

    def _signed(self, random: Random, base: Base, statement: Any, files: dict[str, bytes]) -> Given:
        """The statement signed by the one key that is trusted, with the digests of `files` and with its proof."""
        if random.random() < 0.9:
            with suppress(TypeError, KeyError, AttributeError):
                for subject in statement["subject"]:
                    if subject["name"] in files:
                        subject["digest"]["sha256"] = sha256(files[subject["name"]]).hexdigest()
        payload = _spelled(statement)
        proof = base.given.proof
        if proof is not None:
            with suppress(ValueError, TypeError):
                value = json.loads(proof)
                if random.random() < 0.9:
                    value["statement"] = sha256(payload).hexdigest()
                proof = _spelled(value)
        names = "x" if random.random() < 0.9 else random.choice(("p", "xs", "s"))
        return replace(
            base.given,
            bundle=_spelled(bundle(payload, names)),
            keys=[pem("p" if names == "p" else "x")],
            trust_root=None,
            next_roots=(),
            files=files,
            proof=proof,
        )

    def _change_records(self, random: Random, records: list[Any]) -> None:
        match random.randrange(10):
            case 0 if records:
                del records[random.randrange(len(records))]
            case 1:
                records.insert(random.randint(0, len(records)), {**deepcopy(random.choice(records)), "salt": "00" * 16})
            case 2:
                other = random.choice(self.with_records).records
                records.insert(random.randint(0, len(records)), deepcopy(random.choice(other)))
            case 3:
                random.shuffle(records)
            case 4:
                number = random.randrange(len(records))
                records[number] = _changed(random, records[number])
            case 5 | 6:
                self._plausible(random, random.choice(records))
            case _:  # of a type that is drawn first: there are few proofs of control and many readings
                kinds = sorted({record["type"] for record in records})
                kind = random.choice(kinds)
                self._plausible(random, random.choice([record for record in records if record["type"] == kind]))

    def _plausible(self, random: Random, value: Any) -> None:
        """Change one value in `value` into one that could stand there too."""
        places = list(_places(value))
        if not places:
            return
        parent, key = random.choice(places)
        old = parent[key]
        match random.randrange(8):
            case 0:
                del parent[key]
            case 1 if isinstance(old, list) and old:
                match random.randrange(4):
                    case 0:
                        del old[random.randrange(len(old))]
                    case 1:
                        old.append(deepcopy(random.choice(old)))
                    case 2:
                        one, other = (random.randrange(len(old)) for _ in range(2))
                        old[one], old[other] = old[other], old[one]
                    case _:
                        random.shuffle(old)
            case 2 | 3 | 4 if isinstance(key, str) and self._pool[key]:
                parent[key] = deepcopy(random.choice(self._pool[key]))
            case 5:
                others = [place for place in places if place[1] == key]
                other, name = random.choice(others)
                parent[key], other[name] = deepcopy(other[name]), deepcopy(old)  # one may stand in the other
            case _:
                parent[key] = _near(random, old)


def _near(random: Random, value: Any) -> Any:  # noqa: PLR0911 (one way for each kind of value)
    """A value that differs little from `value`."""
    match value:
        case bool():
            return not value
        case int():
            return value + random.choice((-1, 1, -1, 1, 2**32, -value))
        case str() if value.isascii() and value.isdecimal() and len(value) < 40:
            return str(max(0, int(value) + random.choice((-1, 1, int(value), 10**9, -int(value)))))
        case str() if value.endswith("Z") and value[4:5] == "-":
            number = random.choice((3, 6, 9, 12, 15, 18))
            return value[:number] + random.choice("0123456789") + value[number + 1 :]
        case str() if value:
            place = random.randrange(len(value))
            letter = random.choice("0123456789abcdefABCDEF" if random.random() < 0.8 else "-_.=+/ éx\u3000")
            return value[:place] + letter + value[place + random.choice((0, 1, 1, 1)) :]
        case None:
            return random.choice((None, "", 0, "0", [], {}))
    return value


def _names(random: Random, usual: str, some: str, *, often: float = 0.7) -> str:
    return usual if random.random() < often else "".join(random.sample(some, random.randint(1, len(some))))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _places(item)


def _spelled(value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception:  # noqa: BLE001 (floats, large integers and surrogates have no canonical form)
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _tidy(statement: Any) -> None:
    """Bring what was changed into the order that it must have, as far as it can be ordered."""
    with suppress(TypeError, KeyError, AttributeError):
        for part, keys in _ORDER.items():
            items = (statement if part == "subject" else statement["predicate"])[part]
            items.sort(key=lambda item, keys=keys: [item.get(key) or "" for key in keys])


def state_evidence(statement: Any, lines: list[bytes]) -> EvidenceTree:
    """Have the statement name the tree over the records in `lines`, which is returned."""
    tree = EvidenceTree.build([record_leaf(line) for line in lines])
    statement["predicate"]["evidence"] = {"root": tree.root.hex(), "count": tree.count}
    return tree


def public_lines(tree: EvidenceTree, records: list[Any], withheld: Collection[int] = ()) -> list[Any]:
    """The lines of the public edition of `records`, but for those at the indexes `withheld`."""
    return [
        {"index": number, "path": [node.hex() for node in tree.path(number)], "record": record}
        for number, record in enumerate(records)
        if number not in withheld
    ]


def restate(statement: Any, lines: list[bytes], *, declarations: bool = True) -> None:
    """Have the statement say what the records in `lines` say, where they can be read."""
    predicate = statement["predicate"]
    with suppress(AttestError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        records = [
            AuditorLine.of_record(line, json.loads(line), f"row {number}").record for number, line in enumerate(lines)
        ]
        claimed = {
            tuple(line[key] for key in _ORDER["reserves"][:-1]): line["control"] for line in predicate["reserves"]
        }
        reserves = [line.to_value() for line in reserve_lines(records)]
        for line in reserves:
            line["control"] = claimed.get(tuple(line[key] for key in _ORDER["reserves"][:-1]), line["control"])
        if reserves:
            predicate["reserves"] = reserves
        if declarations:
            pins = Statement.from_value(statement, what="x").predicate.pins
            declared = [*declaration_lines(records), *window_declarations(records, pins)]
            order = {_spelled(item): item for item in (one.to_value() for one in declared)}
            predicate["declarations"] = list(order.values())
        _tidy(statement)


def _is_readable(base: Base) -> bool:
    try:
        return isinstance(base.statement["predicate"], dict)
    except (AttestError, ValueError, KeyError, TypeError):
        return False


def decoded(bundle_bytes: bytes) -> Any:
    """The statement in a bundle as JSON, for a look at what was made."""
    return json.loads(b64decode(json.loads(bundle_bytes)["envelope"]["payload"]))
