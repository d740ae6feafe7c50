"""Messages signed by a real bitcoind, and what it says of those that others sign."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
import wallycore
from btclib.script import serialize

from attest.chains.bitcoin.messages.message import verify_message
from attest.chains.bitcoin.messages.psbt import psbt_to_sign, signature_of_psbts
from attest.chains.challenge import Challenge
from attest.chains.nodes.rpc import Node
from attest.demo import nodes
from attest.errors import AttestError
from tests.chains.bitcoin import test_bip322 as made
from tests.chains.bitcoin import test_messages as honest
from tests.world.bitcoin_signing import address_of, p2pkh, public
from tests.world.signatures import check_signature, published_signature

REGTEST = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
CHALLENGE = honest.CHALLENGE
INDEX = 5
NAMES = map("wallet-{}".format, count())


@contextmanager
def bitcoind_with_wallets() -> Iterator[str]:
    """The URL of a fresh bitcoind of regtest, alone, that keeps wallets."""
    with nodes._home() as home:
        port = nodes._free_port()
        arguments = [
            *(f"-datadir={home}", "-regtest", "-server", "-networkactive=0", "-connect=0", "-listen=0", "-dnsseed=0"),
            *("-fixedseeds=0", "-discover=0", "-rpcuser=attest", "-rpcpassword=attest", "-rpcbind=127.0.0.1"),
            *("-rpcallowip=127.0.0.1", f"-rpcport={port}"),
        ]
        with nodes._running("bitcoind", arguments, home) as process:
            url = f"http://attest:attest@127.0.0.1:{port}"
            nodes._wait("bitcoind", process, url, "getblockchaininfo", home)
            yield url


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with bitcoind_with_wallets() as found:
        yield found


@pytest.fixture(scope="module")
def node(url: str) -> Node:
    return Node("bitcoind", url)


def wallet(node: Node, url: str, *descriptors: str) -> Node:
    """A wallet of its own, with new keys or with those of some descriptors."""
    name = next(NAMES)
    blank = bool(descriptors)
    node.call("createwallet", name, False, blank)  # noqa: FBT003 (its RPC takes them by place)
    loaded = Node(name, f"{url}/wallet/{name}")
    if blank:
        wanted = [{"desc": checked(node, item), "timestamp": "now", "range": [0, 9]} for item in descriptors]
        assert all(answer["success"] for answer in loaded.call("importdescriptors", wanted))
    return loaded


def checked(node: Node, descriptor: str) -> str:
    return f"{descriptor}#{node.call('getdescriptorinfo', descriptor)['checksum']}"


def challenge(address: str) -> Challenge:
    fields = {"entity": "demo.example", "period": "2026-10", "height": 1, "block_hash": bytes(32), "nonce": "-"}
    return Challenge.model_validate({"chain": REGTEST, "address": address, **fields})


def refused(*arguments: str) -> bool:
    try:
        verify_message(*arguments)
    except AttestError:
        return True
    return False


# How the wallet writes the signature of each kind of address, and the prefix that BIP-322 wants before it.
WRITTEN = {
    "legacy": ("", "bip137"),
    "p2sh-segwit": ("ful", "bip322-full"),
    "bech32": ("smp", "bip322-simple"),
    "bech32m": ("smp", "bip322-simple"),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_wallet_signs_for_every_kind_of_address_it_has(node: Node, url: str, kind: str) -> None:
    prefix, called = WRITTEN[kind]
    own = wallet(node, url)
    address, other = (own.call("getnewaddress", "", kind) for _ in range(2))
    signature = own.call("signmessage", address, CHALLENGE)
    assert verify_message(REGTEST, address, CHALLENGE, prefix + signature).kind == called
    assert refused(REGTEST, address, CHALLENGE + " ", prefix + signature)
    assert refused(REGTEST, other, CHALLENGE, prefix + signature)
    assert refused(REGTEST, address, CHALLENGE, signature) is (prefix == "ful")


def wif(key: int, *, compressed: bool) -> str:
    return str(wallycore.base58check_from_bytes(b"\xef" + key.to_bytes(32) + b"\1" * compressed))


@pytest.mark.parametrize("message", [CHALLENGE, "", "x", "x" * 252, "x" * 253, "語" * 3_000])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_bare_key_signs_for_p2pkh_as_bip_137_says(node: Node, message: str, *, compressed: bool) -> None:
    for key in range(1, 9):
        signature = node.call("signmessagewithprivkey", wif(key, compressed=compressed), message)
        script = p2pkh(public(key, compressed=compressed))
        assert verify_message(REGTEST, address_of(script, REGTEST), message, signature).kind == "bip137"
        other = p2pkh(public(key, compressed=not compressed))
        assert refused(REGTEST, address_of(other, REGTEST), message, signature)


def extended(seed: int) -> tuple[str, str]:
    """An extended private key and its public one."""
    master = wallycore.bip32_key_from_seed(bytes((seed,)) * 32, wallycore.BIP32_VER_TEST_PRIVATE, 0)
    flags = wallycore.BIP32_FLAG_KEY_PRIVATE, wallycore.BIP32_FLAG_KEY_PUBLIC
    secret, shown = (str(wallycore.bip32_key_to_base58(master, flag)) for flag in flags)
    return secret, shown


KEYS = [extended(seed) for seed in (31, 32, 33)]
PUBLIC = [shown for _, shown in KEYS]
COLD = "wsh(sortedmulti(2,{}/0/*,{}/0/*,{}/0/*))"
VAULT = "wsh(or_d(multi(2,{}/0/*,{}/0/*),and_v(v:pkh({}/0/*),older(4320))))"
NESTED, OLD = "sh(wsh(sortedmulti(2,{}/0/*,{}/0/*,{}/0/*)))", "sh(multi(2,{}/0/*,{}/0/*,{}/0/*))"


def of_signer(form: str, signer: int) -> str:
    """The descriptor as one signer has it: with its own private key."""
    return form.format(*(secret if place == signer else shown for place, (secret, shown) in enumerate(KEYS)))


def to_sign(node: Node, form: str) -> tuple[str, str]:
    """The address of a descriptor, and the PSBT that signs the challenge with it."""
    descriptor = checked(node, form.format(*PUBLIC))
    (address,) = node.call("deriveaddresses", descriptor, [INDEX, INDEX])
    return address, psbt_to_sign(REGTEST, address, CHALLENGE, descriptor=descriptor, index=INDEX)


@pytest.mark.parametrize("signers", [(0, 1), (0, 2), (1, 2)])
def test_the_wallets_of_two_signers_of_three_sign_by_psbt(node: Node, url: str, signers: tuple[int, int]) -> None:
    address, psbt = to_sign(node, COLD)
    wallets = [wallet(node, url, of_signer(COLD, signer)) for signer in signers]
    returned = [own.call("walletprocesspsbt", psbt) for own in wallets]
    assert [answer["complete"] for answer in returned] == [False, False]
    signature = signature_of_psbts([answer["psbt"] for answer in returned])
    assert signature.startswith("smp")
    assert verify_message(REGTEST, address, CHALLENGE, signature).kind == "bip322-simple"
    in_turn = wallets[1].call("walletprocesspsbt", returned[0]["psbt"])
    assert in_turn["complete"]
    assert verify_message(REGTEST, address, CHALLENGE, signature_of_psbts([in_turn["psbt"]])).kind == "bip322-simple"
    for item in returned:
        with pytest.raises(AttestError, match="1 of 2 signatures are there"):
            signature_of_psbts([item["psbt"]])
    assert node.call("verifymessage", address, signature.removeprefix("smp"), CHALLENGE)
    assert not node.call("verifymessage", address, signature.removeprefix("smp"), CHALLENGE + " ")


FORMS = [COLD, VAULT, NESTED, OLD, "wpkh({}/0/*)", "pkh({}/0/*)", "sh(wpkh({}/0/*))", "tr({}/0/*)"]


@pytest.mark.parametrize("form", FORMS)
def test_every_descriptor_signs_by_psbt_as_the_node_agrees(node: Node, form: str) -> None:
    address, psbt = to_sign(node, form)
    returned = []
    for signer in range(min(2, form.count("{}"))):
        wanted = [{"desc": checked(node, of_signer(form, signer)), "range": [INDEX, INDEX]}]
        returned.append(node.call("descriptorprocesspsbt", psbt, wanted)["psbt"])
    signature = signature_of_psbts(returned)
    verify_message(REGTEST, address, CHALLENGE, signature)
    assert node.call("verifymessage", address, signature[3:], CHALLENGE)
    assert node.call("finalizepsbt", node.call("combinepsbt", [psbt, *returned]))["complete"]


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_wallet_of_a_single_address_signs_by_psbt_told_or_not_where_its_key_is(
    node: Node, url: str, kind: str
) -> None:
    own, stranger = wallet(node, url), wallet(node, url)
    address = own.call("getnewaddress", "", kind)
    told = own.call("getaddressinfo", address)["desc"]  # as a config has it: the public key and where it comes from
    for descriptor in (None, told):
        psbt = psbt_to_sign(REGTEST, address, CHALLENGE, descriptor=descriptor)
        for arguments in ((psbt,), (psbt, True, "DEFAULT", True, False)):  # finalized or not
            returned = own.call("walletprocesspsbt", *arguments)["psbt"]
            signature = signature_of_psbts([returned], psbt)
            assert verify_message(REGTEST, address, CHALLENGE, signature).kind in {"bip322-simple", "bip322-full"}
            assert node.call("verifymessage", address, signature[3:], CHALLENGE)
        with pytest.raises(AttestError, match="missing or wrong"):
            signature_of_psbts([stranger.call("walletprocesspsbt", psbt)["psbt"]], psbt)


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_the_wallet_writes_is_taken_as_it_is(node: Node, url: str, kind: str) -> None:
    """It writes no prefix, and nothing says so but the bytes."""
    own = wallet(node, url)
    asked = challenge(own.call("getnewaddress", "", kind))
    signature = own.call("signmessage", asked.address, asked.text)
    published = published_signature(asked, signature)
    assert check_signature(asked, published) == WRITTEN[kind][1]


def test_the_node_reads_the_message_in_the_psbt(node: Node) -> None:
    _, psbt = to_sign(node, COLD)
    decoded = node.call("decodepsbt", psbt)
    assert bytes.fromhex(decoded["unknown"]["09"]).decode() == CHALLENGE
    (signer,) = decoded["inputs"]
    assert signer["witness_utxo"]["amount"] == 0
    assert sorted(key["path"] for key in signer["bip32_derivs"]) == [f"m/0/{INDEX}"] * 3


def bare(signature: str) -> str:
    """As the node reads signatures: without their prefix."""
    return signature[3:] if signature[:3] in honest.KINDS else signature


@pytest.mark.parametrize("case", honest.HONEST)
def test_the_node_agrees_with_what_is_accepted(node: Node, case: str) -> None:
    script, signature, _ = honest.HONEST[case]
    address = address_of(script, REGTEST)
    assert verify_message(REGTEST, address, CHALLENGE, signature)
    assert node.call("verifymessage", address, bare(signature), CHALLENGE)


# Bitcoin's consensus refuses it (BIP-147); the node does not ask when it checks a message.
UNASKED = "a dummy that says something"


@pytest.mark.parametrize("case", made.NOT_TWO_OF_THREE)
def test_the_node_refuses_what_is_refused(node: Node, case: str) -> None:
    script, signature = made.two_of_three(made.NOT_TWO_OF_THREE[case])
    address = address_of(script, REGTEST)
    assert refused(REGTEST, address, made.MESSAGE, signature)
    assert node.call("verifymessage", address, bare(signature), made.MESSAGE) is (case == UNASKED)


def test_what_shows_no_control_is_valid_for_the_node_and_refused_all_the_same(node: Node) -> None:
    script, signers, _ = made.ONE_KEY_TWICE["the same key"]
    one_key = made.two_of_three(lambda virtual: [b"", *map(virtual.ecdsa, signers)], script)
    commands, stack = made.UNSIGNED["a secret"]
    no_key = made.two_of_three(lambda _: stack, serialize(commands))
    for script, signature in (one_key, no_key):
        address = address_of(script, REGTEST)
        assert node.call("verifymessage", address, bare(signature), made.MESSAGE)
        assert refused(REGTEST, address, made.MESSAGE, signature)
