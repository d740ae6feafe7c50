"""A month of tokens read from real nodes, or from servers in front of them, into a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attest.attestation.reserves_file import ReservesFile
from attest.chains.ethereum.proof import checksum_address
from attest.chains.ethereum.records import EthereumTokenAnswer, EthereumTokenBalance
from attest.chains.nodes.rpc import Node
from attest.chains.records import NodeAgreement, Reading
from attest.exchange.config import read_config
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.surroundings import Surroundings
from attest.verification.evidence.folder import open_evidence
from tests.nodes.contracts import FIXTURES, call_data, deploy, send

CHAIN = "eip155:31337"
GENESIS = datetime(2026, 11, 1, tzinfo=UTC)
NOW = GENESIS + timedelta(hours=1)
OWNER, OTHER, THIRD = (checksum_address("0x" + name * 20) for name in ("aa", "bb", "cc"))
CONFIG = """\
[entity]
name = "X"
origin = "x.example"
[scope]
included = ["spot"]
excluded = []
[ledger]
source = "ledger.csv"
time_zone = "UTC"
[keys]
exchange = "k.pem"
[publication]
folder = "publication"
private_folder = "private"
valid_days = 45
[[assets]]
asset = "ETH"
decimals = 18
{assets}
[[chains]]
id = "eip155:31337"
native = "ETH"
pin = "latest"
tokens = [{tokens}]
nodes = [{nodes}]
{agree}
{wallets}
"""
WALLET = """\
[[wallets]]
id = "w{number}"
chain = "eip155:31337"
address = "{address}"
assets = [{assets}]
purpose = "customer"
storage = "cold"
"""


def token(node: Node, name: str, *holders: str, arguments: Sequence[Any] = (), amount: int = 1000) -> str:
    """The address of a new token of fixtures/tokens of which each of `holders` has some."""
    address = checksum_address(deploy(node, FIXTURES / "tokens" / f"{name}.json", *arguments))
    for holder in holders:
        send(node, address, call_data("mint(address,uint256)", holder, amount))
    return address


@dataclass(frozen=True)
class Month:
    """What was read, and what was told meanwhile."""

    folder: Path
    own: ReservesFile
    readings: list[Reading]
    nodes: NodeAgreement
    told: list[str]

    def of(self, asset: str) -> dict[str, tuple[str, int]]:
        """Level and amount of an asset by wallet."""
        found = [reading for reading in self.readings if reading.asset == asset]
        return {reading.wallet: (reading.level, reading.amount) for reading in found}

    def denied(self, asset: str) -> set[str]:
        """The wallets whose coins of an asset cannot move."""
        tokens = [reading for reading in self.readings if isinstance(reading, EthereumTokenBalance)]
        return {reading.wallet for reading in tokens if reading.asset == asset and reading.denied}

    @property
    def answers(self) -> set[tuple[str, str]]:
        """The wallets and assets for which there is nothing but the nodes' word."""
        return {(item.wallet, item.asset) for item in self.readings if isinstance(item, EthereumTokenAnswer)}

    @property
    def reasons(self) -> dict[tuple[str, str | None], str]:
        """Why an asset, or what one wallet has of it, is not proven."""
        return {(item.asset, item.wallet): item.reason for item in self.own.unproven or ()}


def write_config(
    folder: Path, nodes: Sequence[str], tokens: Mapping[str, str], holders: Sequence[str], *, needed: int | None = None
) -> Path:
    """A config of `holders` of `tokens`, which have what stands in the config's table of each by asset."""
    names = list(tokens)
    path = folder / "attest.toml"
    text = CONFIG.format(
        assets="\n".join(f'[[assets]]\nasset = "{name}"\ndecimals = 18' for name in names),
        tokens=", ".join(f'{{ asset = "{name}", contract = {place} }}' for name, place in tokens.items()),
        nodes=", ".join(f'{{ name = "n{number}", url = "{url}" }}' for number, url in enumerate(nodes, 1)),
        agree="" if needed is None else f"agree = {needed}",
        wallets="".join(
            WALLET.format(number=number, address=holder, assets=", ".join(f'"{name}"' for name in ("ETH", *names)))
            for number, holder in enumerate(holders, 1)
        ),
    )
    path.write_text(text, encoding="utf-8")
    return path


def read_month(
    folder: Path,
    nodes: Sequence[str],
    tokens: Mapping[str, str],
    holders: Sequence[str],
    *,
    needed: int | None = None,
    change: Callable[[str], str] = str,
) -> Month:
    """Read the month into the folder `read` in `folder`, and check it offline; `change` makes another config of it."""
    folder.mkdir(exist_ok=True)
    path = write_config(folder, nodes, tokens, holders, needed=needed)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    config = read_config(path)
    told: list[str] = []
    own = write_reserves(config, "2026-10", folder / "read", Surroundings(folder, NOW, {}, told.append))
    evidence = open_evidence(folder / "read")
    evidence.check({})
    records = list(evidence.records.values())
    (agreement,) = [record for record in records if isinstance(record, NodeAgreement)]
    return Month(folder / "read", own, [item for item in records if isinstance(item, Reading)], agreement, told)
