"""A folder of evidence, rechecked offline and, where nodes are named, held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from attest.chains.family import family
from attest.chains.settings import expand
from attest.chains.wallets import Pin
from attest.control.records import ChallengeBlock
from attest.errors import MalformedError
from attest.reserves.window import window_pins
from attest.verification.anchors import AskedNode
from attest.verification.evidence.folder import EvidenceFolder, open_evidence
from attest.verification.evidence.step import EvidenceStep


class CheckedEvidence(NamedTuple):
    """Evidence that holds, and the nodes that were asked about it again.

    `contracts` says of each chain that was asked how many contracts took their signatures again.
    """

    folder: EvidenceFolder
    step: EvidenceStep
    asked: list[AskedNode]
    contracts: Mapping[str, int]

    @property
    def nothing(self) -> bool:
        """Whether there are balances or documents, and none of them was available to be checked."""
        rechecked, basis = self.step.rechecked, self.folder.basis
        return not (rechecked.readings or self.step.documents) and bool(rechecked.readings_stated or basis.money)


def check_evidence(
    folder: Path,
    *,
    nodes: Mapping[str, str] = MappingProxyType({}),
    utxo_sets: Mapping[str, Path] = MappingProxyType({}),
    environment: Mapping[str, str] = MappingProxyType({}),
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> CheckedEvidence:
    """Recompute every balance in `folder`, then ask `nodes` (chain to URL) again.

    `utxo_sets` are files of dumptxoutset by chain. Raises `VerificationError` naming the record, `AttestError`.
    """
    opened = open_evidence(folder)
    pins = {pin.chain: pin for pin in opened.basis.chains}
    _require_pinned((*nodes, *utxo_sets), pins)
    dumps = {}
    for chain, path in utxo_sets.items():
        tell(f"reading the unspent outputs in {path}")
        dumps[chain] = family(chain).read_dump(chain, path, opened.readings(chain).values(), progress)
    step = opened.check(dumps)
    asked = ask_nodes(opened, nodes, environment, progress)
    return CheckedEvidence(opened, step, asked.balances, asked.contracts)


class Asked(NamedTuple):
    """The nodes that were asked again, and how many contracts took their signatures again, by chain."""

    balances: list[AskedNode]
    contracts: dict[str, int]


def ask_nodes(
    folder: EvidenceFolder, nodes: Mapping[str, str], environment: Mapping[str, str], progress: Callable[[int], None]
) -> Asked:
    """Ask `nodes` (pinned chain to URL) for every balance, block and contract of the evidence again.

    Raises `VerificationError` naming the record and the node, `UnavailableError`, `MalformedError` for another chain.
    """
    pins = {pin.chain: pin for pin in folder.basis.chains}
    _require_pinned(nodes, pins)
    windows = window_pins(folder.records.values())
    asked = Asked([], {})
    for chain, url in nodes.items():
        from attest.chains.nodes.rpc import Node
        from attest.verification.evidence.reread import reread, reread_blocks, reread_contracts

        node = Node(f"for {chain}", expand(url, environment, f"--node {chain}"))
        said = reread(node, pins[chain], folder.readings(chain), progress)
        for pin in windows:
            if pin.chain == chain:
                said += reread(node, pin, folder.readings(chain, pin.height), progress)
        asked.balances.append(AskedNode(chain, node.name, said))
        blocks = [item for item in folder.records.values() if isinstance(item, ChallengeBlock) and item.chain == chain]
        reread_blocks(node, blocks)
        if (block := folder.block(pins[chain])) is not None:
            asked.contracts[chain] = reread_contracts(node, block, folder.contracts(chain))
    return asked


def _require_pinned(chains: Iterable[str], pins: Mapping[str, Pin]) -> None:
    for chain in chains:
        if chain not in pins:
            raise MalformedError(
                "evidence/chain", f"{chain[:100]!r} is not a pinned chain", hint=f"these are: {', '.join(pins)}"
            )
