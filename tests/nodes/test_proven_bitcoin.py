"""Bitcoin balances that are proven, from the config to an auditor's check with a dump of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from attest.chains.nodes.rpc import Node
from attest.demo import exchange as demo
from attest.demo.funding import fund_bitcoin
from attest.demo.nodes import bitcoind
from attest.demo.plan import load_plan
from attest.errors import VerificationError
from attest.exchange.config import read_config
from attest.exchange.reserves_folder import write_reserves
from attest.exchange.surroundings import Surroundings
from attest.verification.evidence.check import check_evidence

CHAIN = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
NOW = datetime(2026, 11, 2, tzinfo=UTC)


def check(folder: Path, dump: Path | None = None) -> tuple[int, bool]:
    """How many balances were recomputed, and whether these are all."""
    checked = check_evidence(
        folder,
        nodes={},
        utxo_sets={} if dump is None else {CHAIN: dump},
        environment={},
        tell=lambda _: None,
        progress=lambda _: None,
    )
    return checked.step.rechecked.readings, not checked.step.open


def test_an_auditor_holds_the_outputs_against_a_dump_of_their_own(tmp_path: Path) -> None:
    demo.write_exchange(tmp_path / "x")
    config = tmp_path / "x" / demo.CONFIG_FILE
    text = config.read_text(encoding="utf-8").replace('native = "BTC"\n', 'native = "BTC"\nutxo_set = "dumps"\n')
    # Bitcoin alone: the wallets of the other chain are left out.
    start, end = text.index('[[chains]]\nid = "eip155:31337"'), text.index("# Every wallet serves one purpose")
    text = text[:start] + text[end : text.index('[[wallets]]\nid = "eth-cold"')]
    config.write_text(text, encoding="utf-8")
    (tmp_path / "x" / "dumps").mkdir()
    with bitcoind() as one, bitcoind() as two:
        for url in (one, two):
            fund_bitcoin(Node("bitcoind", url))
        environment = dict(zip(demo.BITCOIN_VARIABLES, (one, two), strict=True))
        around = Surroundings(tmp_path / "x", NOW, environment)
        own = write_reserves(read_config(config), demo.PERIOD, tmp_path / "read", around)
        pin, wallets = own.chains[0], len(load_plan().bitcoin.wallets)
        assert {line.evidence for line in own.reserves} == {"proven"}
        assert check(tmp_path / "read") == (0, False)
        (dump,) = (tmp_path / "x" / "dumps").iterdir()
        assert check(tmp_path / "read", dump) == (wallets, True)

        auditor = tmp_path / "auditor.dat"
        Node("two", two).call("dumptxoutset", str(auditor), "rollback", {"rollback": pin.block_hash.hex()})
        assert check(tmp_path / "read", auditor) == (wallets, True)
        earlier = tmp_path / "earlier.dat"
        Node("two", two).call("dumptxoutset", str(earlier), "rollback", {"rollback": pin.height - 1})
        with pytest.raises(VerificationError, match="not of the pin"):
            check(tmp_path / "read", earlier)
