"""What a verifier is given, what it says of it, and where the page and Python say something else."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from attest.chains.challenge import parse_nonce
from attest.documents import parse_time
from attest.errors import AttestError
from attest.signing.keys import PublicKey
from attest.signing.trust import parse_root_file
from attest.verification.anchors import NO_PROOF, Anchors, Known, Sources
from attest.verification.steps import Step
from attest.verification.verify import verify
from tests.conftest import FIXTURES
from tests.world.corpus import read_pack

NOT_CHECKED = "NOT CHECKED"
# How much a library knows of keys that are of neither scheme decides between these two.
_ALIKE = {"key/malformed", "key/scheme"}
_CODE = "another code"


class Outcome(NamedTuple):
    """The status of every step, the steps that the page leaves to others, and what ended the run, or None."""

    steps: tuple[str, ...]
    code: str | None
    beyond: frozenset[int] = frozenset()

    def __str__(self) -> str:
        short = {"VERIFIED": "v", "FAILED": "F", NOT_CHECKED: "-", "NOT MET": "n"}
        said = "".join(short[step] + "b" * (number in self.beyond) for number, step in enumerate(self.steps))
        return f"{said} {self.code}"


@dataclass(frozen=True)
class Given:
    """Files as bytes, keys as PEM by the names that verifiers give them. A pack stands for a bundle and a proof."""

    bundle: bytes
    at: str
    pack: bytes | None = None
    keys: Sequence[bytes] = ()
    trust_root: bytes | None = None
    next_roots: Sequence[bytes] = ()
    proof: bytes | None = None
    previous: bytes | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    nonce: str | None = None
    window_nonce: str | None = None
    custodians: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of_case(cls, folder: Path, case: Mapping[str, Any]) -> Given:
        """A case of the corpus; the page knows no authorities of timestamps."""

        def read(name: str) -> bytes:
            return (folder / name).read_bytes()

        return cls(
            bundle=read(case["bundle"]) if "bundle" in case else b"",
            at=case["at"],
            pack=read(case["pack"]) if "pack" in case else None,
            keys=[read(name) for name in case.get("keys", ())],
            trust_root=read(case["trustRoot"]) if "trustRoot" in case else None,
            next_roots=[read(name) for name in case.get("nextRoots", ())],
            proof=read(case["proof"]) if "proof" in case else None,
            files={name: read(path) for name, path in case.get("files", {}).items()},
            nonce=case.get("nonce"),
            window_nonce=case.get("windowNonce"),
            custodians={name: read(path) for name, path in case.get("custodians", {}).items()},
        )

    def request(self) -> dict[str, Any]:
        """What `judge.ts` is asked."""
        return {
            "bundle": _text(self.bundle),
            "pack": None if self.pack is None else _text(self.pack),
            "at": int(parse_time(self.at).timestamp()),
            "keys": [_text(key) for key in self.keys],
            "trustRoot": None if self.trust_root is None else _text(self.trust_root),
            "nextRoots": [_text(root) for root in self.next_roots],
            "proof": None if self.proof is None else _text(self.proof),
            "previous": None if self.previous is None else _text(self.previous),
            "files": {name: _text(data) for name, data in self.files.items()},
            "nonce": self.nonce,
            "windowNonce": self.window_nonce,
            "custodians": {name: _text(key) for name, key in self.custodians.items()},
        }

    def in_python(self) -> Outcome:
        """What attest says, without any authority of timestamps."""
        steps: list[Step] = []
        code = None
        try:
            bundle, proof = (self.bundle, self.proof) if self.pack is None else read_pack(self.pack, steps.append)
            verify(
                bundle,
                self._anchors(),
                now=parse_time(self.at),
                sources=Sources(self.files.get),
                known=Known(
                    previous=self.previous,
                    proof=NO_PROOF if proof is None else proof,
                    nonce=parse_nonce(self.nonce),
                    window_nonce=parse_nonce(self.window_nonce),
                    custodians={
                        name: PublicKey.from_pem(key, what="a custodian's key") for name, key in self.custodians.items()
                    },
                ),
                tell=steps.append,
            )
        except AttestError as error:
            code = error.code
        return Outcome(tuple(step.status for step in steps), code)

    def _anchors(self) -> Anchors:
        if self.trust_root is None:
            return Anchors.keys([PublicKey.from_pem(key, what="a key") for key in self.keys])
        later = [parse_root_file(root) for root in self.next_roots]
        return Anchors.pinned(parse_root_file(self.trust_root), later)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def said(answer: Mapping[str, Any]) -> Outcome:
    """The answer of `judge.ts`. Raises `AssertionError` when anything but an error of its own left the page."""
    if "crash" in answer:
        raise AssertionError(f"the page lets go of an error that is not its own: {answer['crash']}")
    steps = answer["steps"]
    assert [step["number"] for step in steps] == list(range(len(steps)))
    beyond = frozenset(step["number"] for step in steps if step["beyond"])
    outcome = Outcome(tuple(step["status"] for step in steps), answer["code"], beyond)
    assert (len(steps) < 16) == (outcome.code is not None), outcome
    return outcome


def differences(page: Outcome, other: Outcome) -> Iterator[str]:
    """Where the page says something else than another verifier, but for what it leaves to others.

    After a step that the page leaves to others, and in which the other one ends, nothing is compared. A trust root, key
    or file given apart that cannot be read ends both before the first step. What is told last is that a step failed by
    another code alone: `is_code` tells that from the others.
    """
    for number, (mine, theirs) in enumerate(zip(page.steps, other.steps, strict=False)):
        if number in page.beyond and mine == NOT_CHECKED:
            if number == len(other.steps) - 1 and other.code is not None:
                return
            continue
        if mine != theirs:
            yield f"step {number}: {mine}, not {theirs} ({page.code}, {other.code})"
            return
    if len(page.steps) != len(other.steps):
        yield f"{len(page.steps)} steps, not {len(other.steps)} ({page.code}, {other.code})"
    elif page.code != other.code and not {page.code, other.code} <= _ALIKE:
        yield f"{_CODE} at step {len(page.steps) - 1}: {page.code}, not {other.code}"


def is_code(difference: str) -> bool:
    """Whether only a code is another one: where two things are wrong in one step, either may be found first."""
    return difference.startswith(_CODE)


def corpus() -> dict[str, tuple[Path, Any]]:
    """Every case of every version of the corpus, with the folder of its files."""
    return {
        f"{index.parent.name}: {case['name']}": (index.parent, case)
        for index in sorted((FIXTURES / "corpus").glob("*/index.json"))
        for case in json.loads(index.read_text(encoding="utf-8"))["cases"]
    }
