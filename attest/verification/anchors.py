"""What the one who verifies brings: whose signatures count, what they alone know, and what they can reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from attest.attestation.statement import Predicate
from attest.evidence.record import Record
from attest.liabilities.tree import StatedTree
from attest.lines import Content, open_beside
from attest.signing.envelope import Envelope
from attest.signing.keys import PublicKey
from attest.signing.trust import RoleName, Trust, parse_root_file

if TYPE_CHECKING:
    from attest.signing.timestamp import Authorities

NO_PROOF: Final = "no inclusion proof was given"
_SIGNATORIES: Final[tuple[RoleName, ...]] = ("exchange", "auditor")

Files = Callable[[str], Content | None]
"""A file that was published beside the bundle, by its name: its bytes or opened; None where it is not available."""


class AskedNode(NamedTuple):
    """A node that was asked again, and of how many balances of its chain it says what the evidence says."""

    chain: str
    node: str
    balances: int


Ask = Callable[[Predicate, Mapping[int, Record]], Sequence[AskedNode]]
"""Asks nodes for the balances in records; those that it returns confirmed them."""
Rebuild = Callable[[str], Sequence[StatedTree]]
"""Builds the trees of a period again, from the ledger and the secret of its snapshot."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """Whose signatures count, by the word of the one who verifies: `pinned` or `keys` makes one.

    `root`: the trust root that was pinned, as a file has it; None where bare keys are trusted.
    `trust`: the chain of trust roots from `root` on, as far as it was followed; None where bare keys are trusted.
    `exchange_keys`: the keys of the exchange that are trusted without a trust root.
    `threshold`: how many of `exchange_keys` must have signed.
    `later_roots`: trust roots after `root`, beside those that a bundle carries.
    `roles`: whose thresholds in the trust root must be reached.
    `authorities`: certificates of those whose timestamps are believed.
    `unfinished`: whether others have yet to sign: then one signature of each role will do, and step 3 is not checked.
    """

    root: Envelope | None
    trust: Trust | None
    exchange_keys: tuple[PublicKey, ...]
    threshold: int
    later_roots: tuple[Envelope, ...]
    roles: tuple[RoleName, ...]
    authorities: Authorities
    unfinished: bool

    def __post_init__(self) -> None:
        if (self.trust is None) != bool(self.exchange_keys) or "exchange" not in self.roles:
            raise ValueError(
                "either a trust root or keys with a threshold say whose signatures count, also the exchange's"
            )
        distinct = {key.fingerprint for key in self.exchange_keys}
        if self.trust is None and not 1 <= self.threshold <= len(distinct):
            raise ValueError("a threshold of signatures needs at least as many distinct keys")

    @classmethod
    def pinned(
        cls,
        root: Envelope | bytes,
        later_roots: Iterable[Envelope] = (),
        *,
        roles: Sequence[RoleName] = _SIGNATORIES,
        authorities: Authorities = (),
        unfinished: bool = False,
    ) -> Self:
        """Trust whoever `root`, or the bytes of its file, names, and whoever later trust roots name that follow it.

        Raises `MalformedError`, `VerificationError` where `root` does not hold by itself; `ValueError` where `roles` do
        not name the exchange.
        """
        if isinstance(root, bytes):
            root = parse_root_file(root)
        return cls(root, Trust.pin(root), (), 1, tuple(later_roots), tuple(roles), authorities, unfinished)

    @classmethod
    def keys(cls, keys: Iterable[PublicKey], *, threshold: int = 1, authorities: Authorities = ()) -> Self:
        """Trust `keys` of the exchange by themselves, of which `threshold` must have signed.

        Raises `ValueError` where they are fewer distinct keys.
        """
        return cls(None, None, tuple(keys), threshold, (), _SIGNATORIES, authorities, unfinished=False)

    def following(self, roots: Iterable[Envelope]) -> Self:
        """The anchors with their chain followed through `later_roots` and `roots`, in any order.

        Bare keys have no chain, and stay. Raises `MalformedError`, `VerificationError`.
        """
        if self.trust is None:
            return self
        return replace(self, trust=self.trust.followed_by((*self.later_roots, *roots)))

    @property
    def own_keys(self) -> Sequence[PublicKey]:
        """Every key that is the exchange's own, so that none of them can be a custodian's."""
        return self.exchange_keys if self.trust is None else self.trust.keys("root", "exchange")


@dataclass(frozen=True, slots=True)
class Known:
    """What the one who verifies alone knows of a month.

    `previous`: the bundle of the statement before, whose own signatures are not looked at.
    `proof`: an inclusion proof of one account, or the sentence that says why there is none.
    `nonce`: what the auditor drew for challenges.
    `window_nonce`: what the auditor drew for the blocks of windows.
    `custodians`: the keys of custodians, by their names in the evidence.
    """

    previous: bytes | None = None
    proof: bytes | str = NO_PROOF
    nonce: bytes | None = None
    window_nonce: bytes | None = None
    custodians: Mapping[str, PublicKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the one who verifies can reach: the files beside the bundle, nodes, the exchange's ledger.

    `files`: the published files by name.
    `ask`: asks nodes; None where there are none to ask.
    `rebuild`: reads the ledger; None where it is not available.
    """

    files: Files = lambda _: None
    ask: Ask | None = None
    rebuild: Rebuild | None = None

    @classmethod
    def beside(cls, bundle: Path) -> Self:
        """The files that lie beside the path of a bundle, and nothing else."""
        return cls(files_beside(bundle))


def files_beside(bundle: Path, unread: Collection[str] = ()) -> Files:
    """The files that lie beside the path of a bundle, but for those whose names are `unread`."""
    return lambda name: None if name in unread else open_beside(bundle.parent, name)
