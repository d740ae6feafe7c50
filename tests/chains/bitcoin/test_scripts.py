from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.networks import network
from attest.chains.bitcoin.scripts import MAX_RANGE, address_of, scripts
from attest.errors import MalformedError
from tests.world.descriptors import BITCOIN, KEYS, PUBLIC, XPRV, XPUB, ZPUB, respelled, wallet

TESTNET4 = "bip122:00000000da84f2bafbbc53dee25a72ae"
SIGNET = "bip122:00000008819873e925422c1ff0f99f7c"
REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
LITECOIN = "bip122:12a765e31ffd4059bada1e25190f6e98"
LITECOIN_TESTNET = "bip122:4966625a4b2851d9fdee139e56211a0d"
LITECOIN_REGTEST = "bip122:530827f38f93b43ed12af0b3ad25a288"

HASH20 = bytes(range(1, 21)).hex()
P2PKH, P2SH, P2WPKH = f"76a914{HASH20}88ac", f"a914{HASH20}87", f"0014{HASH20}"
P2WSH, P2TR = f"0020{bytes(range(1, 33)).hex()}", f"5120{bytes(range(1, 33)).hex()}"


def described(descriptor: str, chain: str = BITCOIN, first: int = 0, last: int = 1) -> list[str]:
    fields = {"range": (first, last)} if "*" in descriptor else {}
    return [script.hex() for script in scripts(wallet(chain=chain, descriptor=descriptor, **fields))]


def addressed(address: str, chain: str = BITCOIN) -> str:
    (script,) = scripts(wallet(chain=chain, address=address))
    return script.hex()


def refusal(**fields: Any) -> MalformedError:
    with pytest.raises(MalformedError, match=r"^wallet w: ") as caught:
        scripts(wallet(**fields))
    return caught.value


# What `validateaddress` of Litecoin Core 0.21.4 and Bitcoin Knots 29.5 says, but for the first five: examples of
# BIP-173, BIP-350 and BIP-16, and the first address of all.
ADDRESSES = [
    (BITCOIN, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (BITCOIN, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (
        BITCOIN,
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    ),
    (BITCOIN, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"),
    (BITCOIN, "3P14159f73E4gFr7JterCCQh9QjiTjiZrG", "a914e9c3dd0c07aac76179ebc76a6c78d4d67c6c160a87"),
    (REGTEST, "mfcHP2WMCVLsVZA8yrovmhMgxNFW9r98xw", P2PKH),
    (REGTEST, "2MsLZ5FqqYpjM1Q1W4X81zMVZTF9gdbhVwd", P2SH),
    (SIGNET, "mfcHP2WMCVLsVZA8yrovmhMgxNFW9r98xw", P2PKH),
    (TESTNET4, "2MsLZ5FqqYpjM1Q1W4X81zMVZTF9gdbhVwd", P2SH),
    (LITECOIN, "LKKHMBjCU89fyFNgSRprDoD8Jb25N8uWvd", P2PKH),
    (LITECOIN, "M7zVKQKmtV5Rc7erVGVVC3khZbXxsS5HEX", P2SH),
    (LITECOIN, "31nM1WuowNDzocNxPPW9NQWJEtwWpjfcLj", P2SH),
    (LITECOIN, "ltc1qqypqxpq9qcrsszg2pvxq6rs0zqg3yyc5dyg36p", P2WPKH),
    (LITECOIN, "ltc1qqypqxpq9qcrsszg2pvxq6rs0zqg3yyc5z5tpwxqergd3c8g7rusq89ptx2", P2WSH),
    (LITECOIN, "LTC1PQYPQXPQ9QCRSSZG2PVXQ6RS0ZQG3YYC5Z5TPWXQERGD3C8G7RUSQDJPZ7K", P2TR),
    (LITECOIN_TESTNET, "mfcHP2WMCVLsVZA8yrovmhMgxNFW9r98xw", P2PKH),
    (LITECOIN_TESTNET, "QLhKCGi5ZvnS9amYgdA353vzbdbWYBoxD8", P2SH),
    (LITECOIN_TESTNET, "2MsLZ5FqqYpjM1Q1W4X81zMVZTF9gdbhVwd", P2SH),
    (LITECOIN_TESTNET, "tltc1qqypqxpq9qcrsszg2pvxq6rs0zqg3yyc56ktcft", P2WPKH),
    (LITECOIN_REGTEST, "rltc1qqypqxpq9qcrsszg2pvxq6rs0zqg3yyc5l62ze4", P2WPKH),
    (LITECOIN_REGTEST, "rltc1pqypqxpq9qcrsszg2pvxq6rs0zqg3yyc5z5tpwxqergd3c8g7rusquyeyyt", P2TR),
]


@pytest.mark.parametrize(("chain", "address", "script"), ADDRESSES)
def test_addresses_lead_to_their_scripts(chain: str, address: str, script: str) -> None:
    assert addressed(address, chain) == script


@pytest.mark.parametrize(("chain", "address", "script"), ADDRESSES)
def test_scripts_lead_back_to_their_addresses(chain: str, address: str, script: str) -> None:
    found = address_of(chain, bytes.fromhex(script))
    assert [item.hex() for item in scripts(wallet(chain=chain, address=found))] == [script]
    # A script hash on Litecoin has two spellings; the one that its node prints is given.
    old = chain in {LITECOIN, LITECOIN_TESTNET} and address[0] in "23"
    assert old or found in {address, address.lower()}


@pytest.mark.parametrize("script", ["", "51", "6a0474657374", "5120" + "00" * 31, "00"])
def test_a_script_without_an_address_is_told(script: str) -> None:
    with pytest.raises(MalformedError, match="has no address"):
        address_of(BITCOIN, bytes.fromhex(script))


@pytest.mark.parametrize(
    ("address", "function", "lie"),
    [
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "addr_segwit_to_bytes", b"\x00\x14" + bytes(20)),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "base58check_to_bytes", bytes(21)),
    ],
)
def test_an_address_that_two_libraries_read_differently_is_refused(
    address: str, function: str, lie: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"wallycore.{function}", lambda *_: lie)
    assert "two libraries" in refusal(address=address).message


NO_ADDRESSES = {
    "bech32 checksum": (BITCOIN, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"),
    "mixed case": (BITCOIN, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kV8F3T4"),
    "testnet": (BITCOIN, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    "testnet base58": (BITCOIN, "mfcHP2WMCVLsVZA8yrovmhMgxNFW9r98xw"),
    "regtest": (BITCOIN, "bcrt1qscrclmhmmchke3xps453jyhhqq2n2wgz6rejc6"),
    "testnet on regtest": (REGTEST, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
    "mainnet on regtest": (REGTEST, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    "Litecoin": (BITCOIN, "ltc1qqypqxpq9qcrsszg2pvxq6rs0zqg3yyc5dyg36p"),
    "Litecoin base58": (BITCOIN, "LKKHMBjCU89fyFNgSRprDoD8Jb25N8uWvd"),
    "Litecoin script hash": (BITCOIN, "M7zVKQKmtV5Rc7erVGVVC3khZbXxsS5HEX"),
    "Bitcoin": (LITECOIN, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    "Litecoin testnet": (LITECOIN, "QLhKCGi5ZvnS9amYgdA353vzbdbWYBoxD8"),
    "hidden amounts": (
        LITECOIN,
        "ltcmweb1qq20e2arnhvxw97katjkmsd35agw3capxjkrkh7dk8d30rczm8ypxuq329nwh2twmchhqn3jqh7ua4ps539f6aazh79jy76urqht4qa59ts3at6gf",
    ),
    "bech32 for version 1": (
        BITCOIN,
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",
    ),
    "bech32m for version 0": (BITCOIN, "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"),
    "base58 checksum": (BITCOIN, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    "a byte too many": (BITCOIN, str(wallycore.base58check_from_bytes(bytes(22)))),
    "a byte alone": (BITCOIN, str(wallycore.base58check_from_bytes(bytes(1)))),
    "no bytes": (BITCOIN, "3QJmnh"),
    "ethereum": (BITCOIN, "0x9022460B384C599738D8558330EbDCdD583d7d02"),
    "a prefix": (BITCOIN, "bc1"),
    "nothing": (BITCOIN, "x"),
    "another script": (BITCOIN, "ビットコイン"),
}


@pytest.mark.parametrize("case", NO_ADDRESSES)
def test_what_is_no_address_of_the_network_is_refused(case: str) -> None:
    chain, address = NO_ADDRESSES[case]
    error = refusal(chain=chain, address=address)
    assert (error.code, f"not an address of {network(chain).name}" in error.message) == ("bitcoin/address", True)


@pytest.mark.parametrize(
    "address",
    [
        "bc1pfeessrawgf",
        "bc1pqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0jqgfzyvjz2f38wjxkpz",
        "bc1pqqqsyqcyq5rqwzqfpg9scrgwpugpzysntwgkaa",
        "bc1zqqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sqfj5af",
        "bc1sqqqsrgxhjj",
    ],
    ids=["pay to anchor", "40 bytes", "20 bytes", "version 2", "version 16"],
)
def test_a_witness_program_that_anyone_can_spend_is_refused(address: str) -> None:
    assert "anyone can spend" in refusal(address=address).message


YPUB = "ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP"
# The account of the test vectors in bip-0086.mediawiki.
TAP = "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"


@pytest.mark.parametrize(
    ("descriptor", "address"),
    [
        (f"pkh({XPUB}/0/*)", "1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA"),
        (f"sh(wpkh({YPUB}/0/*))", "37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf"),
        (f"wpkh({ZPUB}/0/*)", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
        (f"wpkh([73c5da0a/84h/0'/0h]{ZPUB}/0/*)", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
        (f"wpkh({ZPUB}/0/0)", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"),
    ],
)
def test_the_accounts_of_slip_132_have_the_addresses_it_gives(descriptor: str, address: str) -> None:
    assert described(descriptor)[0] == addressed(address)


def test_the_taproot_account_of_bip_86_has_the_tweaked_keys_it_gives() -> None:
    assert described(f"tr({TAP}/0/*)") == [
        "5120a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c",
        "5120a82f29944d65b86ae6b5e5cc75e294ead6c59391a1edc5e016e3498c67fc7bbb",
    ]


FORMS = {
    "wpkh": "wpkh({0}/0/*)",
    "sh(wpkh)": "sh(wpkh({0}/0/*))",
    "pkh": "pkh({0}/0/*)",
    "tr": "tr({0}/0/*)",
    "wsh(multi)": "wsh(multi(1,{0}/0/*,{0}/1/*))",
    "wsh(sortedmulti)": "wsh(sortedmulti(2,{0}/0/*,[73c5da0a/48h]{0}/1/*))",
    "sh(wsh(multi))": "sh(wsh(multi(1,{0}/0/*,{0}/1/*)))",
    "sh(wsh(sortedmulti))": "sh(wsh(sortedmulti(2,{0}/0/*,{0}/1/*)))",
    "sh(multi)": "sh(multi(1,{0}/0/*,{0}/1/*))",
    "wsh(pk)": "wsh(pk({0}/0/*))",
    "a vault": "wsh(or_d(multi(1,{0}/0/*,{0}/1/*),and_v(v:pk({0}/2/*),older(144))))",
}
ANYWHERE = tuple(FORMS)
ALLOWED = {
    "ypub": ("sh(wpkh)",),
    "zpub": ("wpkh",),
    "Ypub": ("sh(wsh(multi))", "sh(wsh(sortedmulti))"),
    "Zpub": ("wsh(multi)", "wsh(sortedmulti)"),
}
# Chain, a spelling of keys there, the plain one, and the forms it may stand in.
SPELLINGS = [
    (BITCOIN, "xpub", "xpub", ANYWHERE),
    *[(BITCOIN, name, "xpub", forms) for name, forms in ALLOWED.items()],
    (TESTNET4, "tpub", "tpub", ANYWHERE),
    *[(REGTEST, name.translate({121: 117, 122: 118, 89: 85, 90: 86}), "tpub", ALLOWED[name]) for name in ALLOWED],
    (LITECOIN, "Ltub", "xpub", ANYWHERE),
    (LITECOIN, "Mtub", "xpub", ALLOWED["ypub"]),
    (LITECOIN, "zpub", "xpub", ALLOWED["zpub"]),
    (LITECOIN_TESTNET, "ttub", "tpub", ANYWHERE),
]


@pytest.mark.parametrize(("chain", "name", "plain", "allowed"), SPELLINGS, ids=lambda item: str(item)[-8:])
@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_converted_where_its_spelling_belongs_and_refused_elsewhere(
    form: str, chain: str, name: str, plain: str, allowed: tuple[str, ...]
) -> None:
    assert KEYS[name].startswith(name)
    descriptor = FORMS[form].format(KEYS[name])
    if form in allowed:
        assert described(descriptor, chain) == described(FORMS[form].format(KEYS[plain]), chain)
    else:
        assert f"{name} keys stand in " in refusal(chain=chain, descriptor=descriptor, range=(0, 1)).message


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        *[(chain, name) for chain in (BITCOIN, LITECOIN) for name in ("tpub", "upub", "vpub", "Upub", "Vpub", "ttub")],
        *[(chain, name) for chain in (REGTEST, LITECOIN_TESTNET) for name in ("xpub", "ypub", "zpub", "Ltub")],
        (BITCOIN, "Ltub"),
        (BITCOIN, "Mtub"),
        (SIGNET, "ttub"),
    ],
)
def test_a_key_of_another_network_is_refused(chain: str, name: str) -> None:
    for descriptor, span in ((f"wsh(pk({KEYS[name]}/*))", (0, 0)), (KEYS[name], None)):
        error = refusal(chain=chain, descriptor=descriptor, range=span)
        assert f"not a descriptor of {network(chain).name}: {name} keys are of another network" in error.message


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("xpub", 'descriptor = "wpkh(xpub6Bos…/0/*)"'),
        ("ypub", 'descriptor = "sh(wpkh(ypub6W'),
        ("zpub", 'descriptor = "wpkh(zpub6qU'),
        ("Ypub", 'descriptor = "sh(wsh(sortedmulti(2,Ypub6hYE…/0/*,…)))"'),
        ("Zpub", 'descriptor = "wsh(sortedmulti(2,Zpub7'),
    ],
)
def test_a_key_alone_is_refused_with_the_descriptor_to_write(name: str, written: str) -> None:
    bare = KEYS[name]
    for fields in (
        {"descriptor": bare},
        {"address": bare},
        {"descriptor": f"{bare}/0/*", "range": (0, 9)},
        {"descriptor": f"[73c5da0a/84h/0h/0h]{bare}"},
    ):
        error = refusal(**fields)
        assert "an extended key alone" in error.message
        assert written in str(error.hint)
        assert bare not in error.message + str(error.hint)


PRIVATE_KEYS = {
    "xprv": XPRV,
    **{
        name: respelled(XPRV, version)
        for name, version in {
            "yprv": "049d7878",
            "zprv": "04b2430c",
            "Yprv": "0295b005",
            "Zprv": "02aa7a99",
            "tprv": "04358394",
            "uprv": "044a4e28",
            "vprv": "045f18bc",
            "Uprv": "024285b5",
            "Vprv": "02575048",
            "Ltpv": "019d9cfe",
            "Mtpv": "01b26792",
            "ttpv": "0436ef7d",
            "a version nobody knows": "12345678",
        }.items()
    },
    "WIF": "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1",
    "WIF of an uncompressed key": "5KYZdUEo39z3FPrtuX2QbbwGnNP5zTd7yyr2SC1j299sBCnWjss",
    "WIF of testnets": str(wallycore.base58check_from_bytes(b"\xef" + bytes(range(1, 33)) + b"\x01")),
    "WIF of Litecoin": str(wallycore.base58check_from_bytes(b"\xb0" + bytes(range(1, 33)) + b"\x01")),
}


@pytest.mark.parametrize("chain", [BITCOIN, REGTEST, LITECOIN])
@pytest.mark.parametrize("name", PRIVATE_KEYS)
def test_a_private_key_is_refused_in_every_spelling_and_not_repeated(name: str, chain: str) -> None:
    key = PRIVATE_KEYS[name]
    for fields in (
        {"descriptor": f"wpkh({key})"},
        {"descriptor": f"wpkh([73c5da0a/84h]{key}/0h/*h)", "range": (0, 1)},
        {"descriptor": f"wsh(sortedmulti(1,{PUBLIC},{key}))#00000000"},
        {"descriptor": key},
        {"address": key},
    ):
        error = refusal(chain=chain, **fields)
        assert error.code == "bitcoin/private-key"
        assert key[4:16] not in error.message + str(error.hint)


@pytest.mark.parametrize("key", ["WIF", "xprv"])
def test_a_mistyped_private_key_is_not_repeated_either(key: str) -> None:
    mistyped = PRIVATE_KEYS[key][:-1] + "z"
    for fields in ({"address": mistyped}, {"descriptor": f"wpkh({mistyped})"}):
        error = refusal(**fields)
        assert mistyped[:20] not in error.message + str(error.hint)


REFUSED_DESCRIPTORS = {
    "no key": ("wpkh(xpub/0)", None, "not a descriptor"),
    "an empty function": ("wpkh()", None, "not a descriptor"),
    "a key with a typing error": (f"wpkh({respelled(XPUB, '0488b21e')[:-1]}1)", None, "its own checksum does not fit"),
    "two paths": (f"wpkh({XPUB}/<0;1>/*)", (0, 1), "two branches or more"),
    "four kinds": (f"combo({XPUB}/0/*)", (0, 1), "several kinds"),
    "an address inside": ("addr(1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa)", None, "addr() and raw()"),
    "a script inside": ("raw(0014751e76e8199196d454941c45d1b3a323f1433bd6)", None, "addr() and raw()"),
    "a function that libwally alone knows": (f"ct(slip77({PUBLIC[2:]}),wpkh({XPUB}))", None, "begins with none of"),
    "bare miniscript": (f"and_v(v:pk({XPUB}),older(144))", None, "begins with none of"),
    "bare multi": (f"multi(1,{XPUB})", None, "begins with none of"),
    "miniscript in sh": (f"sh(and_v(v:pk({XPUB}),older(144)))", None, "begins with none of"),
    "capitals": (f"WPKH({XPUB})", None, "begins with none of"),
    "no key at all": ("wsh(older(144))", None, "holds no key"),
    "scripts under tr": (f"tr({XPUB},pk({XPUB}/1))", None, "not read here: only tr(KEY)"),
    "an uncompressed key in wpkh": (f"wpkh(04{PUBLIC[2:]}{'ab' * 32})", None, "an uncompressed key"),
    "a hardened step": (f"wpkh({XPUB}/0h/*)", (0, 1), "hardened"),
    "an old hardened step": (f"wpkh({XPUB}/0'/*)", (0, 1), "hardened"),
    "hardened indexes": (f"wpkh({XPUB}/0/*h)", (0, 1), "hardened"),
    "a step beyond all": (f"wpkh({XPUB}/2147483648/*)", (0, 1), "cannot be derived"),
    "an endless step": (f"wpkh({XPUB}/{10**30}/*)", (0, 1), "cannot be derived"),
    "a step without number": (f"wpkh({XPUB}//*)", (0, 1), "not a path"),
    "a path without end": (f"wpkh({XPUB}/)", None, "not a path"),
    "an index that is not last": (f"wpkh({XPUB}/*/0)", (0, 1), "not a path"),
    "a path behind a plain key": (f"wpkh({PUBLIC}/*)", (0, 1), "behind a plain public key"),
    "a bracket open": (f"wpkh({XPUB}", None, "1 times ( and 0 times )"),
    "a bracket too many": (f"wpkh({XPUB}))", None, "1 times ( and 2 times )"),
    "an endless range": (f"wpkh({XPUB}/0/*)", (0, 99_999_999_999), "at most 100,000"),
    "one index too many": (f"wpkh({XPUB}/0/*)", (5, 5 + MAX_RANGE), "at most 100,000"),
    "a hardened index": (f"wpkh({XPUB}/0/*)", (2**31 - 1, 2**31), "below 2^31"),
}


@pytest.mark.parametrize("case", REFUSED_DESCRIPTORS)
def test_a_descriptor_that_would_leak_or_skip_is_refused(case: str) -> None:
    descriptor, span, named = REFUSED_DESCRIPTORS[case]
    assert named in refusal(descriptor=descriptor, range=span).message


def test_the_last_index_of_all_is_derived() -> None:
    assert described(f"wpkh({XPUB}/*)", first=2**31 - 1, last=2**31 - 1) == described(f"wpkh({XPUB}/{2**31 - 1})")


@given(
    form=st.sampled_from(list(FORMS.values())),
    index=st.integers(0, 2**31 - 1),
    steps=st.lists(st.integers(0, 2**31 - 1), max_size=4),
)
def test_an_index_of_a_range_is_the_descriptor_with_the_index_written_out(
    form: str, index: int, steps: list[int]
) -> None:
    path = "".join(f"/{step}" for step in steps)
    ranged = form.replace("/0/*", path + "/*")
    assert described(ranged.format(XPUB), first=index, last=index) == described(
        ranged.replace("*", str(index)).format(XPUB)
    )


@pytest.mark.parametrize(
    ("descriptor", "named"),
    [  # BIP-380's test vectors, and two more lengths from Bitcoin Knots
        ("raw(deadbeef)#89f8spxm", "addr() and raw()"),
        ("raw(deadbe)#vwtc7tfv", "addr() and raw()"),
        ("raw(dead)#j7p6x6xf", "addr() and raw()"),
        ("raw(deadbeef)", "addr() and raw()"),
        ("raw(deadbeef)#", "checksum does not fit its text (89f8spxm would)"),
        ("raw(deadbeef)#89f8spxmx", "checksum does not fit"),
        ("raw(deadbeef)#89f8spx", "checksum does not fit"),
        ("raw(deedbeef)#89f8spxm", "checksum does not fit"),
        ("raw(deadbeef)##9f8spxm", "checksum does not fit"),
        ("raw(Ü)#00000000", "no descriptor has the character 'Ü'"),
    ],
)
def test_a_checksum_is_that_of_bip_380(descriptor: str, named: str) -> None:
    assert named in refusal(descriptor=descriptor).message


CHECKED = f"wpkh({ZPUB}/0/*)#shx3dktw"


def test_a_checksum_is_over_the_text_as_it_stands() -> None:
    assert described(f"pkh({XPUB})#m8sedn52") == described(f"pkh({XPUB})")  # as Bitcoin Knots has it
    assert described(CHECKED) == described(f"wpkh({ZPUB}/0/*)")
    other = CHECKED.replace(ZPUB, respelled(ZPUB, "0488b21e"))
    assert "checksum does not fit" in refusal(descriptor=other, range=(0, 1)).message


@given(place=st.integers(0, len(CHECKED) - 1), character=st.sampled_from("0123456789abcdefghxyzXYZ()/*h'#,"))
def test_no_single_wrong_character_passes_a_checksum(place: int, character: str) -> None:
    changed = CHECKED[:place] + character + CHECKED[place + 1 :]
    if changed != CHECKED and "#" in changed:
        with pytest.raises(MalformedError):
            described(changed)


# A text of spaces alone is refused before, by the config.
TEXTS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=120).filter(str.strip)
PIECES = st.lists(
    st.sampled_from(
        [XPUB, PUBLIC, XPRV, "wpkh(", "sh(", "wsh(multi(1,", "tr(", ")", "/0/", "*", "#", ",", "[aa/1]", "bc1"]
    ),
    min_size=1,
    max_size=6,
).map("".join)


@given(text=TEXTS | PIECES | st.builds(str.__add__, st.sampled_from(["bc1", "1", "3", "wpkh("]), TEXTS))
def test_no_text_leads_to_another_error(text: str) -> None:
    for fields in ({"address": text}, {"descriptor": text, "range": (0, 1) if "*" in text else None}):
        with suppress(MalformedError):
            scripts(wallet(**fields))


def test_an_unknown_network_is_refused() -> None:
    error = refusal(chain="bip122:" + "0" * 32, address="1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
    assert "not a known Bitcoin or Litecoin network" in error.message


@pytest.mark.parametrize("chain", [BITCOIN, LITECOIN])
def test_only_a_main_network_holds_value(chain: str) -> None:
    assert not network(chain).test
    assert network(REGTEST).test
    assert network(LITECOIN_TESTNET).test
