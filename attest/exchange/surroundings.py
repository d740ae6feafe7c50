"""What the exchange's work on a month depends on besides its config and period: one value, handed on whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from attest.chains.nodes.quorum import Quorum
from attest.errors import MalformedError
from attest.exchange.config import Chain, Config
from attest.files import real_path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A folder, a clock, an environment, and who looks on.

    `folder`: the folder of the config, from which its relative paths lead.
    `now`: the time of the work, which a statement says it was issued at.
    `environment`: values by name, for the `${NAME}` of a config.
    `tell`: hears in sentences what is going on.
    `progress`: hears what is counted, `balances` or `rows`, and how many of them have been read.
    """

    folder: Path
    now: datetime
    environment: Mapping[str, str]
    tell: Callable[[str], None] = lambda _: None
    progress: Callable[[str, int], None] = lambda *_: None


def refuse_published(config: Config, out: Path, around: Surroundings) -> None:
    """Raises `MalformedError` when `out`, which holds what is not for everyone, lies in the publication folder."""
    published = real_path(around.folder / config.publication.folder)
    if published in (real_path(out), *real_path(out).parents):
        raise MalformedError(
            "config/folders",
            f"{out} lies in the publication folder, where everything is for everyone",
            hint="it holds what is for the auditor alone: write it elsewhere",
        )


def node_quorum(chain: Chain, around: Surroundings) -> Quorum:
    """The nodes of a chain. Raises `MalformedError` when two of them are one, `UnavailableError`."""
    from attest.chains.nodes.rpc import Node

    nodes = [Node(node.name, node.expanded_url(around.environment)) for node in chain.nodes]
    places: dict[tuple[object, ...], str] = {}
    for node in nodes:
        if (other := places.setdefault(node.place, node.name)) != node.name:
            raise MalformedError(
                "config/nodes", f"the nodes {other} and {node.name} of {chain.id} have one url, and so are one node"
            )
    return Quorum(chain.id, nodes, chain.needed, around.tell, grace=chain.grace)
