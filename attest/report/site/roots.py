"""The trust roots that a site hands on: the pinned one and those after it, whichever bundle carries them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from attest.attestation.bundle import parse_bundle
from attest.errors import AttestError
from attest.report.numbers import Instant, instant
from attest.signing.envelope import Envelope
from attest.signing.keys import words_of
from attest.signing.trust import Root, Trust, parse_root
from attest.verification.anchors import Anchors


class SiteRoot(NamedTuple):
    """A trust root of the site.

    `root`: its content.
    `envelope`: the envelope in which enough keys signed it.
    """

    root: Root
    envelope: Envelope

    @property
    def path(self) -> str:
        """The path of its file in the site."""
        return f"trust/{self.root.version}.root.json"

    @property
    def words(self) -> tuple[str, ...]:
        """The fingerprint as 24 words, to be compared by voice."""
        return words_of(self.root.fingerprint)

    @property
    def issued_at(self) -> Instant:
        """The time from which it is in force."""
        return instant(self.root.document.issued_at)

    @property
    def expires_at(self) -> Instant:
        """The time until which it is in force."""
        return instant(self.root.document.expires_at)


def site_roots(anchors: Anchors, bundles: Iterable[bytes]) -> tuple[SiteRoot, ...]:
    """The chain of trust roots from the pinned one on.

    `anchors`: the pinned root, and later ones.
    `bundles`: bundles, whose roots are used too.

    The chain ends before two roots of one version that contradict each other, because either might be false. Raises
    `ValueError` without a pinned root.
    """
    trust, pinned = anchors.trust, anchors.root
    if trust is None or pinned is None:
        raise ValueError("the readers of a site are handed a trust root to pin")
    found = [SiteRoot(trust.roots[0], pinned)]
    copies = dict.fromkeys([*anchors.later_roots, *(envelope for data in bundles for envelope in _carried(data))])
    by_version: dict[int, list[tuple[Root, Envelope]]] = {}
    for envelope in copies:
        with suppress(AttestError):  # a bundle whose roots do not hold was found when its month was verified
            root = parse_root(envelope)
            by_version.setdefault(root.version, []).append((root, envelope))
    for version in sorted(number for number in by_version if number > trust.roots[0].version):
        following = by_version[version]
        let_in = [(root, envelope) for root, envelope in following if _leads_to(trust, envelope)]
        if len({root.fingerprint for root, _ in let_in}) != 1:
            break
        root, envelope = let_in[0]
        trust = trust.then(envelope)
        found.append(SiteRoot(root, envelope))
    return tuple(found)


def _leads_to(trust: Trust, envelope: Envelope) -> bool:
    try:
        trust.then(envelope)
    except AttestError:
        return False
    return True


def _carried(data: bytes) -> tuple[Envelope, ...]:
    with suppress(AttestError):
        return parse_bundle(data).trust_roots
    return ()
