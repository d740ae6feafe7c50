"""The scripts of a register's wallets, and the networks they are on, compared with a real bitcoind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.networks import network
from attest.chains.bitcoin.scripts import scripts
from attest.chains.nodes.rpc import Node
from attest.chains.wallets import Wallet
from attest.demo import nodes
from attest.demo.nodes import bitcoind
from attest.errors import MalformedError, UnavailableError
from tests.examples import examples

REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
LAST = 19
SNAPSHOT_START = b"utxo\xff\x02\x00"  # node/utxo_snapshot.h: magic bytes and version


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with bitcoind() as url:
        yield Node("bitcoind", url)


def extended_key(seed: int, version: str = "043587cf") -> str:
    master = wallycore.bip32_key_from_seed(bytes([seed]) * 32, wallycore.BIP32_VER_TEST_PRIVATE, 0)
    public = bytes(wallycore.bip32_key_serialize(master, wallycore.BIP32_FLAG_KEY_PUBLIC))
    return str(wallycore.base58check_from_bytes(bytes.fromhex(version) + public[4:]))


SPELLINGS = {"upub": "044a5262", "vpub": "045f1cf6", "Upub": "024289ef", "Vpub": "02575483"}
A, B, C = (extended_key(seed) for seed in (1, 2, 3))
RAW = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
UNCOMPRESSED = "04" + RAW[2:] + "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
DESCRIPTORS = [
    f"pkh({A}/0/*)",
    f"wpkh({A}/*)",
    f"wpkh({A}/0/*)",
    f"wpkh([d34db33f/84h/1'/0h]{A}/1/2/3/*)",
    f"sh(wpkh({A}/0/*))",
    f"tr({A}/0/*)",
    f"tr([d34db33f/86h/1h/0h]{A}/1/*)",
    f"rawtr({A}/0/*)",
    f"sh(pk({A}/0/*))",
    f"sh(pkh({A}/0/*))",
    f"wsh(pk({A}/0/*))",
    f"wsh(pkh({A}/0/*))",
    f"sh(wsh(pkh({A}/0/*)))",
    f"sh(multi(2,{A}/0/*,{B}/0/*,{C}/0/*))",
    f"sh(sortedmulti(2,{A}/0/*,{B}/0/*,{C}/0/*))",
    f"wsh(multi(2,{A}/0/*,{B}/0/*,{C}/0/*))",
    f"wsh(sortedmulti(2,[d34db33f/48h/1h/0h/2h]{A}/0/*,{B}/1/*,{C}/*))",
    f"wsh(sortedmulti(1,{A}/0/*,{RAW}))",
    f"sh(wsh(multi(3,{A}/0/*,{B}/0/*,{C}/0/*)))",
    f"sh(wsh(sortedmulti(1,{A}/0/*,{B}/0/*,{C}/0/*)))",
    f"wsh(or_d(multi(2,{A}/0/*,{B}/0/*),and_v(v:pkh({C}/0/*),older(4320))))",
    f"wsh(andor(pk({A}/0/*),sha256({'ab' * 32}),and_v(v:pk({B}/0/*),after(800000))))",
    f"pkh({A})",
    f"pkh({RAW})",
    f"pkh({UNCOMPRESSED})",
    f"sh(pk({UNCOMPRESSED}))",
    f"wpkh({RAW})",
    f"tr({RAW[2:]})",
    f"tr({RAW})",
    f"rawtr({RAW[2:]})",
    f"wpkh({A})",
    f"wpkh({A}/7/8)",
]
WITH_SLIP_132 = {
    "sh(wpkh({0}/0/*))": "upub",
    "wpkh({0}/0/*)": "vpub",
    "sh(wsh(sortedmulti(2,{0}/0/*,{1}/0/*)))": "Upub",
    "wsh(multi(1,{0}/0/*,{1}/0/*))": "Vpub",
}


def ours(**fields: Any) -> list[str]:
    wallet = Wallet(
        **{"id": "w", "chain": REGTEST, "assets": ("BTC",), "purpose": "customer", "storage": "cold", **fields}
    )
    return [script.hex() for script in scripts(wallet)]


def span(descriptor: str, first: int, last: int) -> dict[str, Any]:
    return {"descriptor": descriptor, "range": (first, last) if "*" in descriptor else None}


def checked(node: Node, descriptor: str) -> str:
    return f"{descriptor}#{node.call('getdescriptorinfo', descriptor)['checksum']}"


def theirs(node: Node, descriptor: str, first: int = 0, last: int = LAST) -> list[str]:
    wanted = [[first, last]] if "*" in descriptor else []
    addresses = node.call("deriveaddresses", checked(node, descriptor), *wanted)
    return [item["scriptPubKey"] for item in node.batch([("validateaddress", [address]) for address in addresses])]


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_a_descriptor_stands_for_the_nodes_scripts(node: Node, descriptor: str) -> None:
    assert ours(**span(checked(node, descriptor), 0, LAST)) == theirs(node, descriptor)


@pytest.mark.parametrize(("form", "name"), WITH_SLIP_132.items())
def test_slip_132_keys_stand_for_the_scripts_of_the_plain_keys(node: Node, form: str, name: str) -> None:
    spelled = form.format(*[extended_key(seed, SPELLINGS[name]) for seed in (1, 2)])
    assert ours(**span(spelled, 0, LAST)) == theirs(node, form.format(A, B))


@examples(40)
@given(descriptor=st.sampled_from(DESCRIPTORS), index=st.integers(0, 2**31 - 1))
def test_any_index_has_the_nodes_script(node: Node, descriptor: str, index: int) -> None:
    assert ours(**span(descriptor, index, index)) == theirs(node, descriptor, index, index)


def test_a_script_without_address_is_what_the_node_mines_to(node: Node) -> None:
    for key in (f"{A}/5", RAW, UNCOMPRESSED):
        (block,) = node.call("generatetodescriptor", 1, f"pk({key})")
        mined = node.call("getblock", block, 2)["tx"][0]["vout"][0]["scriptPubKey"]["hex"]
        assert ours(descriptor=f"pk({key})") == [mined]


@pytest.mark.parametrize(
    "descriptor",
    [
        f"wpkh({UNCOMPRESSED})",
        f"wsh(pk({UNCOMPRESSED}))",
        f"wpkh({RAW[2:]})",
        f"tr({UNCOMPRESSED})",
        f"wpkh({A}/)",
        f"wpkh({A}//0)",
        f"wpkh({A}/2147483648)",
        f"wpkh({A},{B})",
        f"wpkh(wpkh({A}))",
        f"wsh(wpkh({A}))",
        f"wsh(multi(3,{A},{B}))",
        f"wsh(multi(0,{A},{B}))",
        f"sh(sh(pk({A})))",
        f"sh(tr({A}))",
        f"sh(and_v(v:pk({A}),older(144)))",
        f"and_v(v:pk({A}),older(144))",
        "wsh(older(144))",
        f"wpkh({A})#00000000",
        f"wp kh({A})",
        f"{A}",
        f"tr({A}",
    ],
)
def test_what_the_node_does_not_take_is_refused_here_too(node: Node, descriptor: str) -> None:
    with pytest.raises(UnavailableError, match="was refused"):
        node.call("getdescriptorinfo", descriptor)
    with pytest.raises(MalformedError):
        ours(descriptor=descriptor)


KINDS = {
    "p2pkh": (20, "76a914{}88ac"),
    "p2sh": (20, "a914{}87"),
    "p2wpkh": (20, "0014{}"),
    "p2wsh": (32, "0020{}"),
    "p2tr": (32, "5120{}"),
}


@examples(20)
@given(program=st.binary(min_size=32, max_size=32))
@pytest.mark.parametrize("kind", KINDS)
def test_the_address_the_node_writes_for_a_script_leads_back_to_it(node: Node, kind: str, program: bytes) -> None:
    length, form = KINDS[kind]
    script = form.format(program[:length].hex())
    address = node.call("decodescript", script)["address"]
    spellings = [address, address.upper()] if address.startswith("bcrt1") else [address]
    assert [ours(address=spelling) for spelling in spellings] == [[script]] * len(spellings)


@pytest.mark.parametrize("script", ["51024e73", "5114" + "ab" * 20, "5220" + "ab" * 32, "6028" + "ab" * 40])
def test_the_address_of_a_witness_program_without_rules_is_refused(node: Node, script: str) -> None:
    address = node.call("decodescript", script)["address"]
    with pytest.raises(MalformedError, match="anyone can spend"):
        ours(address=address)


@contextmanager
def node_of(chain: str) -> Iterator[tuple[Node, Any]]:
    """A fresh node of one of bitcoind's networks, cut off from it; and its folder."""
    with nodes._home() as home:
        port = nodes._free_port()
        arguments = [
            *(f"-datadir={home}", f"-chain={chain}", "-server", "-disablewallet", "-networkactive=0", "-connect=0"),
            *("-listen=0", "-dnsseed=0", "-fixedseeds=0", "-discover=0", "-rpcuser=attest", "-rpcpassword=attest"),
            *("-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", f"-rpcport={port}"),
        ]
        with nodes._running("bitcoind", arguments, home) as process:
            url = f"http://attest:attest@127.0.0.1:{port}"
            nodes._wait("bitcoind", process, url, "getblockchaininfo", home)
            yield Node("bitcoind", url), home


@pytest.mark.parametrize("name", ["main", "test", "testnet4", "signet", "regtest"])
def test_a_network_is_the_one_whose_node_begins_so(name: str) -> None:
    with node_of(name) as (node, home):
        genesis = node.call("getblockhash", 0)
        found = network("bip122:" + genesis[:32])
        node.call("dumptxoutset", str(home / "snapshot"), "latest")
        snapshot = (home / "snapshot").read_bytes()
        assert snapshot.startswith(SNAPSHOT_START + found.magic + bytes.fromhex(genesis)[::-1])
        assert found.test is (name != "main")
        addresses = {kind: node.call("decodescript", form.format("ab" * size)) for kind, (size, form) in KINDS.items()}
        versions = {kind: wallycore.base58check_to_bytes(addresses[kind]["address"])[0] for kind in ("p2pkh", "p2sh")}
        assert (versions["p2pkh"], (versions["p2sh"],)) == (found.p2pkh, found.p2sh)
        assert addresses["p2tr"]["address"].startswith(found.prefix + "1p")
        assert node.call("getdescriptorinfo", f"wpkh({extended_key(1, found.xpub.hex())})")["descriptor"]
