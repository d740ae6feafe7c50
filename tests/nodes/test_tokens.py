"""Tokens as they are, of real contracts on a real anvil: what counts, what is proven, and what is said beside it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attest.chains.ethereum.proof import checksum_address
from attest.chains.nodes.rpc import Node
from attest.cli import main
from attest.demo.nodes import anvil
from attest.errors import MalformedError, UnavailableError, VerificationError
from attest.verification.evidence.check import check_evidence
from tests.nodes.contracts import call_data, send
from tests.nodes.liars import fronting
from tests.nodes.tokens import CHAIN, GENESIS, OTHER, OWNER, THIRD, Month, read_month, token

HOLDERS = (OWNER, OTHER, THIRD)
DENY = "blockHolder(address)"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with anvil(genesis_time=int(GENESIS.timestamp())) as url:
        yield url


@pytest.fixture(scope="module")
def chain(url: str) -> Node:
    return Node("anvil", url)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Node.__init__.__kwdefaults__, "sleep", lambda _: None)


def quoted(address: str, more: str = "") -> str:
    return f'"{address}"{more}'


PROVEN = dict.fromkeys(("w1", "w2", "w3"), ("proven", 1000))


@pytest.mark.parametrize("first", [0, 1, 2], ids=["denied first", "denied second", "denied third"])
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("FlaggedToken", ""),
        ("DollarToken", ""),
        ("DollarToken", ", balance_slot = 9"),
        ("FlaggedToken", ', balance_slot = "0x0", balance_layout = "solidity"'),
        ("Proxy", ""),
    ],
)
def test_a_denied_holders_coins_count_are_proven_and_are_said_to_be_denied(
    name: str, more: str, first: int, chain: Node, url: str, tmp_path: Path
) -> None:
    behind = [token(chain, "DollarToken")] if name == "Proxy" else []
    address = token(chain, name, *HOLDERS, arguments=behind)
    send(chain, address, call_data(DENY, OTHER))
    holders = [holder for holder in HOLDERS if holder != OTHER]
    holders.insert(first, OTHER)
    month = read_month(tmp_path, [url], {"TOK": quoted(address, more)}, holders)
    assert month.of("TOK") == PROVEN
    assert month.denied("TOK") == {f"w{first + 1}"}
    assert month.own.unproven == ()
    (line,) = [line for line in month.own.reserves if line.asset == "TOK"]
    assert (line.evidence, line.amount, line.wallets, line.denied) == ("proven", 3000, 3, 1000)
    assert any(text.startswith(f"TOK at wallet w{first + 1} cannot move") for text in month.told)
    checked = check_evidence(
        month.folder, nodes={CHAIN: url}, utxo_sets={}, environment={}, tell=lambda _: None, progress=lambda _: None
    )
    assert checked.step.rechecked.readings == checked.step.rechecked.readings_stated == 6


@pytest.mark.parametrize("denied", [HOLDERS, HOLDERS[:2], ()], ids=["all", "two", "none"])
def test_any_number_of_holders_may_be_denied(denied: tuple[str, ...], chain: Node, url: str, tmp_path: Path) -> None:
    address = token(chain, "DollarToken", *HOLDERS)
    for holder in denied:
        send(chain, address, call_data(DENY, holder))
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, HOLDERS)
    assert month.of("TOK") == PROVEN
    assert len(month.denied("TOK")) == len(denied)
    (line,) = [line for line in month.own.reserves if line.asset == "TOK"]
    assert (line.denied, "denied" in line.to_value()) == (1000 * len(denied), bool(denied))


def test_a_denied_holder_with_nothing_makes_no_line_say_so(chain: Node, url: str, tmp_path: Path) -> None:
    address = token(chain, "DollarToken", OWNER)
    send(chain, address, call_data(DENY, OTHER))
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, [OTHER, OWNER])
    assert month.of("TOK") == {"w1": ("proven", 0), "w2": ("proven", 1000)}
    assert month.denied("TOK") == {"w1"}
    assert [line.denied for line in month.own.reserves if line.asset == "TOK"] == [0]


def test_denied_coins_are_shown(
    chain: Node, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    address = token(chain, "DollarToken", *HOLDERS)
    shares = token(chain, "ShareToken", *HOLDERS)
    send(chain, address, call_data(DENY, OTHER))
    month = read_month(tmp_path, [url], {"TOK": quoted(address), "SHR": quoted(shares)}, HOLDERS)
    with pytest.raises(SystemExit) as exited:
        main(["reserves", "show", str(month.folder)])
    out = capsys.readouterr().out
    assert exited.value.code in {None, 0}
    assert "cannot move: denied by the token" in out
    assert "0.000000000000001000   0.000000000000003000" in out
    assert f"SHR          {CHAIN}   all      no storage slot that balanceOf reads" in out
    with pytest.raises(SystemExit):
        main(["evidence", "show", str(month.folder)])
    assert f"{OTHER} in the token {address} slot 9, denied transfers by it" in capsys.readouterr().out


MASKS: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "a byte of flags": ("FlagByteToken", "flag(address,uint8)", (OTHER, 3)),
    "the lowest flag of a byte": ("FlagByteToken", "flag(address,uint8)", (OTHER, 1)),
    "deny bit and another": ("FlagByteToken", "flag(address,uint8)", (OTHER, 0x81)),
    "whom votes are delegated to": ("DelegatingToken", "delegate(address,address)", (OTHER, "0x" + "d1" * 20)),
    "a balance that grows, where others do not": ("OptionalShareToken", "grow(address)", (OTHER,)),
}


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("case", MASKS)
def test_a_word_with_bits_of_unknown_meaning_is_read_by_answer_for_that_holder_only(
    case: str, first: int, chain: Node, url: str, tmp_path: Path
) -> None:
    name, function, arguments = MASKS[case]
    address = token(chain, name, *HOLDERS)
    send(chain, address, call_data(function, *arguments))
    holders = [holder for holder in HOLDERS if holder != OTHER]
    holders.insert(first, OTHER)
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, holders)
    masked = f"w{first + 1}"
    amount = 1500 if name == "OptionalShareToken" else 1000
    assert month.of("TOK") == {**PROVEN, masked: ("single", amount)}
    assert month.answers == {(masked, "TOK")}
    assert month.denied("TOK") == set()
    assert list(month.reasons) == [("TOK", masked)]
    assert "what the rest means is not known" in month.reasons["TOK", masked]
    assert any(text.startswith(f"TOK of wallet {masked} is single, not proven") for text in month.told)
    assert not any("liar" in text or "false" in text for text in month.told)


def test_a_flag_that_is_the_deny_bit_is_read_as_it(chain: Node, url: str, tmp_path: Path) -> None:
    address = token(chain, "FlagByteToken", *HOLDERS)
    send(chain, address, call_data("flag(address,uint8)", OTHER, 0x80))
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, HOLDERS)
    assert (month.of("TOK"), month.denied("TOK")) == (PROVEN, {"w2"})


def test_all_holders_may_have_bits_of_unknown_meaning(chain: Node, url: str, tmp_path: Path) -> None:
    address = token(chain, "FlagByteToken", *HOLDERS)
    for holder in HOLDERS:
        send(chain, address, call_data("flag(address,uint8)", holder, 7))
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, HOLDERS)
    assert month.of("TOK") == dict.fromkeys(("w1", "w2", "w3"), ("single", 1000))
    assert set(month.reasons) == {("TOK", wallet) for wallet in ("w1", "w2", "w3")}


@pytest.mark.parametrize("empty", [0, 1], ids=["the first has none", "the second has none"])
@pytest.mark.parametrize("name", ["DeepToken", "DeepVyperToken"])
def test_a_slot_behind_many_variables_is_found_from_the_access_list(
    name: str, empty: int, chain: Node, url: str, tmp_path: Path
) -> None:
    address = token(chain, name, OWNER)
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, [OWNER, OTHER] if empty else [OTHER, OWNER])
    assert month.of("TOK") == {f"w{2 - empty}": ("proven", 1000), f"w{1 + empty}": ("proven", 0)}


def read_one(tmp_path: Path, url: str, address: str, holders: tuple[str, ...] = HOLDERS, more: str = "") -> Month:
    return read_month(tmp_path, [url], {"TOK": quoted(address, more)}, holders)


def test_a_fee_on_transfers_is_not_in_what_arrived(chain: Node, url: str, tmp_path: Path) -> None:
    address = token(chain, "FeeToken", OWNER)
    send(chain, address, call_data("transferFrom(address,address,uint256)", OWNER, OTHER, 500))
    month = read_one(tmp_path, url, address)
    assert month.of("TOK") == {"w1": ("proven", 500), "w2": ("proven", 495), "w3": ("proven", 0)}


def test_a_paused_token_is_read_as_ever(chain: Node, url: str, tmp_path: Path) -> None:
    address = token(chain, "PausedToken", *HOLDERS)
    send(chain, address, call_data("pause()"))
    assert read_one(tmp_path, url, address).of("TOK") == PROVEN


@pytest.mark.parametrize("supply", [10**12, 2 * 10**12, 10**11], ids=["as at first", "after growth", "after a fall"])
def test_a_rebasing_token_is_what_its_contract_says_and_the_reason_is_told(
    supply: int, chain: Node, url: str, tmp_path: Path
) -> None:
    address = token(chain, "RebasingToken", *HOLDERS)
    send(chain, address, call_data("rebase(uint256)", supply))
    month = read_one(tmp_path, url, address)
    assert month.of("TOK") == dict.fromkeys(("w1", "w2", "w3"), ("single", 1000 * supply // 10**12))
    assert "decides alone what it says" in month.reasons["TOK", None]
    assert any(text.startswith("TOK is single, not proven") for text in month.told)


@pytest.mark.parametrize("name", ["ShareToken", "LowFlagToken", "PackedToken", "OutsideToken"])
def test_a_token_that_stays_unproven_is_said_with_the_reason(name: str, chain: Node, url: str, tmp_path: Path) -> None:
    month = read_one(tmp_path, url, token(chain, name, *HOLDERS))
    assert {level for level, _ in month.of("TOK").values()} == {"single"}
    assert list(month.reasons) == [("TOK", None)]
    assert any("not proven" in text and month.reasons["TOK", None] in text for text in month.told)


def test_a_proxy_serves_every_kind_of_token(chain: Node, url: str, tmp_path: Path) -> None:
    kinds = ("PlainToken", "NamespacedToken", "VyperToken", "DeepToken", "DollarToken", "PausedToken")
    proxies = {}
    for number, name in enumerate(kinds):
        proxies[f"T{number}"] = quoted(token(chain, "Proxy", *HOLDERS, arguments=[token(chain, name)]))
    month = read_month(tmp_path, [url], proxies, HOLDERS)
    assert [month.of(asset) for asset in proxies] == [PROVEN] * len(kinds)


NOT_TOKENS = {
    "nobody": (None, "there is no contract", "NOBODY"),
    "a wallet": (None, "there is no contract", OTHER),
    "a contract that takes every call": ("SilentContract", "the contract returns 0 bytes instead of 32", ""),
    "two words": ("PairContract", "the contract returns 64 bytes instead of 32", ""),
    "a contract without the function": ("Signers", "the contract reverts when it is asked for the balance", ""),
}


@pytest.mark.parametrize("case", NOT_TOKENS)
@pytest.mark.parametrize("more", ["", ", balance_slot = 0"], ids=["slot looked for", "slot in the config"])
@pytest.mark.parametrize("nodes", [1, 2])
def test_what_is_no_token_is_an_error_of_the_config_naming_token_address_and_block(
    case: str, more: str, nodes: int, chain: Node, url: str, tmp_path: Path
) -> None:
    name, what, address = NOT_TOKENS[case]
    if name == "Signers":
        address = token(chain, "Proxy", arguments=[token(chain, "MuteToken")])
        send(chain, address, call_data("mute(address)", OWNER))
    elif name is not None:
        address = token(chain, name)
    address = checksum_address("0x" + "12" * 20) if address == "NOBODY" else address
    with fronting(url, lambda _, answer: answer) as again, pytest.raises(MalformedError) as caught:
        read_month(tmp_path, [url, again][:nodes], {"TOK": quoted(address, more)}, HOLDERS)
    error = caught.value
    height = int(chain.call("eth_blockNumber"), 16)
    assert error.code == "config/token"
    assert f"the config names {address} as the token TOK, but in block {height} of {CHAIN} {what}" in error.message
    assert error.message.endswith(f"(asked: {', '.join(['n1', 'n2'][:nodes])})")
    assert not (tmp_path / "read").exists()


def test_the_first_holder_whose_balance_is_not_told_is_named(chain: Node, url: str, tmp_path: Path) -> None:
    """Also where the contract's own words are those of a provider that asks to come back."""
    address = token(chain, "MuteToken", *HOLDERS)
    send(chain, address, call_data("mute(address)", THIRD))
    with pytest.raises(MalformedError, match=r"reverts when it is asked for the balance of wallet w3 \(asked: n1\)"):
        read_one(tmp_path, url, address)


def test_a_token_that_no_wallet_lists_is_looked_at_too(chain: Node, url: str, tmp_path: Path) -> None:
    address = checksum_address("0x" + "12" * 20)
    good = token(chain, "PlainToken", *HOLDERS)
    tokens = {"TOK": quoted(good), "NOT": quoted(address)}

    def unlisted(text: str) -> str:
        return text.replace('"TOK", "NOT"]', '"TOK"]')

    with pytest.raises(MalformedError, match=f"names {address} as the token NOT, .* there is no contract"):
        read_month(tmp_path, [url], tokens, HOLDERS, change=unlisted)


def test_a_balance_beyond_what_a_statement_holds_accuses_nobody(chain: Node, url: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"its contract says .* which does not fit in 128 bits") as caught:
        read_one(tmp_path, url, token(chain, "HugeToken"))
    assert caught.value.code == "ethereum/amount"


@pytest.mark.parametrize("more", [", balance_slot = 8", ', balance_slot = 9, balance_layout = "vyper"'])
def test_a_slot_of_the_config_that_has_no_balances_is_an_error_of_the_config(
    more: str, chain: Node, url: str, tmp_path: Path
) -> None:
    address = token(chain, "PlainToken", *HOLDERS)
    with pytest.raises(MalformedError, match=f"the balances of {address} are not where balance_slot says") as caught:
        read_one(tmp_path, url, address, more=more)
    assert caught.value.code == "config/token"


def test_a_month_of_every_kind_is_the_sum_of_its_wallets(chain: Node, url: str, tmp_path: Path) -> None:
    """All orders of a plain, a denied and a masked holder make the same lines."""
    address = token(chain, "FlagByteToken", *HOLDERS)
    send(chain, address, call_data("flag(address,uint8)", OTHER, 0x80))
    send(chain, address, call_data("flag(address,uint8)", THIRD, 0x01))
    for number, holders in enumerate(itertools.permutations(HOLDERS)):
        month = read_month(tmp_path / str(number), [url], {"TOK": quoted(address)}, holders)
        lines = {
            (line.evidence, line.amount, line.wallets, line.denied)
            for line in month.own.reserves
            if line.asset == "TOK"
        }
        assert lines == {("proven", 2000, 2, 1000), ("single", 1000, 1, 0)}


DENIALS: dict[str, tuple[Any, str]] = {
    "a line hides it": (
        lambda line: type(line).from_value({k: v for k, v in line.to_value().items() if k != "denied"}, what="a line"),
        "recheck/denied",
    ),
    "a line says less": (lambda line: line.model_copy(update={"denied": 999}), "recheck/denied"),
    "a line says more": (lambda line: line.model_copy(update={"denied": 1001}), "recheck/denied"),
}


@pytest.mark.parametrize("case", DENIALS)
def test_a_line_that_says_other_of_denied_coins_than_its_records_fails(
    case: str, chain: Node, url: str, tmp_path: Path
) -> None:
    change, code = DENIALS[case]
    address = token(chain, "DollarToken", *HOLDERS)
    send(chain, address, call_data(DENY, OTHER))
    month = read_month(tmp_path, [url], {"TOK": quoted(address)}, HOLDERS)
    lines = tuple(change(line) if line.asset == "TOK" else line for line in month.own.reserves)
    (month.folder / "reserves.json").write_bytes(month.own.model_copy(update={"reserves": lines}).to_bytes())
    with pytest.raises(VerificationError) as caught:
        check_evidence(
            month.folder, nodes={}, utxo_sets={}, environment={}, tell=lambda _: None, progress=lambda _: None
        )
    assert caught.value.code == code
