"""What a verdict rests on that was not checked: of the lines it counts, and of no others."""

from __future__ import annotations

from attest.policy.results import Sources
from attest.verification.unchecked import Rest, Unchecked, UncheckedLine

BITCOIN, EVM = "bip122:000000000019d6689c085ae165831e93", "eip155:1"
LEFT = Unchecked(
    lines=(
        UncheckedLine("BTC", BITCOIN, "customer", "cold", 5, "dump"),
        UncheckedLine("BTC", BITCOIN, "customer", "hot", 7, "unavailable"),
        UncheckedLine("BTC", BITCOIN, "customer", "other", 2, "unavailable"),
        UncheckedLine("BTC", BITCOIN, "compensation", "cold", 11, "unavailable"),
        UncheckedLine("JPY", None, "customer", None, 13, "unavailable"),
    ),
    leaves=frozenset((b"a", b"b")),
    lowest=frozenset(((EVM, "ETH"),)),
    prices=True,
)


def test_coverage_rests_on_all_that_is_held_for_customers() -> None:
    assert LEFT.of_coverage("BTC") == Rest((("BTC", "dump", 5), ("BTC", "unavailable", 9)))
    assert LEFT.of_coverage("JPY") == Rest((("JPY", "unavailable", 13),))
    assert LEFT.of_coverage("ETH") == Rest(lowest=("ETH",))
    assert not LEFT.of_coverage("XRP")


def test_a_verdict_rests_on_what_it_was_computed_from() -> None:
    hot = frozenset((("BTC", "customer", "hot"), ("JPY", "customer", None)))
    assert LEFT.of_verdict(Sources(coins=hot)) == Rest((("BTC", "unavailable", 7), ("JPY", "unavailable", 13)))
    assert LEFT.of_verdict(Sources(coins=hot), "JPY") == Rest((("JPY", "unavailable", 13),))
    assert LEFT.of_verdict(Sources(leaves=frozenset((b"a", b"c")))) == Rest(documents=1)
    assert LEFT.of_verdict(Sources(leaves=frozenset((b"a",)), prices=True)) == Rest(documents=2)
    assert LEFT.of_verdict(Sources(lowest=frozenset(("ETH", "BTC")))) == Rest(lowest=("ETH",))
    assert not LEFT.of_verdict(Sources(lowest=frozenset(("ETH",))), "BTC")
    assert not LEFT.of_verdict(Sources())


def test_a_wallet_without_coins_that_is_not_shown_is_something_that_was_not_checked() -> None:
    empty = Unchecked((UncheckedLine("BTC", BITCOIN, "customer", "cold", 0, "unavailable"),))
    assert empty.of_coverage("BTC")
