"""What is shown of one hidden wallet among many that share the trie."""

from __future__ import annotations

import json

import pytest

from attest.attestation.concentration import concentration, declaration_lines
from attest.attestation.editions import MAX_LINE_BYTES, PublicLine, read_public_edition
from attest.attestation.statement import EvidenceRoot, StatedAsset
from attest.chains.ethereum.trie_nodes import share_nodes
from attest.chains.records import Reading
from attest.evidence.tree import EvidenceTree
from attest.exchange.stated import reserve_lines
from attest.verification.evidence.folder import EvidenceFolder
from attest.verification.evidence.step import Basis
from tests.conftest import FIXTURES
from tests.world.tries import CHAINS, nodes_in, used_by, world

WALLETS = [f"w{number}" for number in range(16)]


@pytest.mark.parametrize("hidden", [WALLETS, WALLETS[2:]], ids=["all hidden", "two public"])
def test_one_of_many_hidden_wallets_is_shown_without_what_only_others_need(hidden: list[str]) -> None:
    one = world(CHAINS[0], WALLETS, 60)
    shared = share_nodes(one.readings, hidden)
    figures = concentration(one.readings, frozenset(hidden))
    records = [*shared.private, *shared.public, one.header, *shared.records, *figures]
    tree = EvidenceTree.build([record.leaf for record in records])
    basis = Basis(
        "x",
        [StatedAsset(asset="DAI", decimals=18), StatedAsset(asset="ETH", decimals=18)],
        [one.pin],
        reserve_lines(records),
        [],
        [],
        declaration_lines(figures),
        EvidenceRoot(root=tree.root, count=tree.count),
    )
    folder = EvidenceFolder(basis, dict(enumerate(records)))
    assert folder.check({}).open == ()
    private = len(shared.private)
    public = {
        index: record
        for index, record in enumerate(records)
        if index >= private and not (isinstance(record, Reading) and record.wallet in hidden)
    }
    for wallet in hidden[:4]:
        lines = folder.disclose(wallet, descriptor=False)
        shown = read_public_edition(lines, root=tree.root, count=tree.count)
        found = EvidenceFolder(basis, public | shown).check({})
        assert found.rechecked.readings == 2 * (len(WALLETS) - len(hidden)) + 2
        proofs = [record for record in shown.values() if record.type != "ethereum-header"]
        assert {record.wallet for record in proofs if isinstance(record, Reading)} == {wallet}
        assert set(nodes_in(proofs)) - set(nodes_in(shared.public)) <= used_by([one], [wallet])


def test_the_leaf_of_a_public_line_is_that_of_its_record() -> None:
    kinds = set()
    for path in sorted((FIXTURES / "corpus").glob("*/*-evidence-public.jsonl")):
        for line in path.read_bytes().splitlines():
            kind = json.loads(line)["record"]["type"]
            if kind not in kinds:
                record = PublicLine.from_canonical(line, what="the line", max_bytes=MAX_LINE_BYTES).record
                assert PublicLine.leaf(line) == record.leaf, kind
                kinds.add(kind)
    assert {"ethereum-balance", "money", "declaration"} <= kinds, kinds
