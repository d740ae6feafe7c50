"""Which addresses of descriptors must sign, by a reading of the chains that the statement will count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attest.chains.records import Reading
from attest.control.sample import Sample, drawn_scripts
from attest.evidence.tree import EvidenceTree
from attest.exchange.config import Config
from attest.exchange.reserves_folder import load_reserves
from attest.exchange.surroundings import Surroundings


@dataclass(frozen=True, slots=True)
class Population:
    """What each wallet of a reading holds, by script in base units, and the sample of it that signs."""

    amounts: Mapping[str, Mapping[bytes, int]]
    sample: Sample | None

    def asked(self, wallet: str) -> frozenset[bytes]:
        """The scripts of a wallet that must sign; none of a wallet that holds nothing."""
        amounts = self.amounts.get(wallet, {})
        return frozenset(amounts) if self.sample is None else drawn_scripts(amounts, wallet, self.sample)


def read_population(config: Config, period: str, read: Path, nonce: bytes | None, around: Surroundings) -> Population:
    """The population in the folder `read` of `write_reserves`; a sample if the config asks and there is a `nonce`.

    Raises `AttestError`, also when the folder is of another period or register.
    """
    reserves = load_reserves(config.model_copy(update={"money": ()}), period, read, around)
    amounts: dict[str, dict[bytes, int]] = {}
    for record in reserves.records:
        if isinstance(record, Reading) and record.at_pin:
            for (_, place), amount in record.amounts().items():
                if isinstance(place, bytes):
                    held = amounts.setdefault(record.wallet, {})
                    held[place] = held.get(place, 0) + amount
    draws = config.control.sample
    if nonce is None or draws is None or all(len(scripts) <= draws for scripts in amounts.values()):
        return Population(amounts, None)
    tree = EvidenceTree.build([record.leaf for record in reserves.records])
    return Population(amounts, Sample(draws=draws, nonce=nonce, reading_root=tree.root, reading_count=tree.count))
