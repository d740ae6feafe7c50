"""Figures that policies are evaluated over, drawn."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from attest.policy.inputs import Coins, Inputs
from tests.policy.build import coins, cover, declared, deposit, figures, financial, prices, volumes

ASSETS: Final = ("A", "B")
CURRENCIES: Final = ("JPY", "KRW", "HKD", "EUR", "AED")
amounts = st.integers(0, 300).map(str)


@st.composite
def inputs(draw: Any) -> Inputs:
    """Figures in the range in which every verdict occurs."""
    held: list[Coins] = []
    for purpose in ("customer", "guarantee", "compensation"):
        for storage in ("cold", "hot", "other"):
            held += coins(purpose, storage, **{asset: draw(amounts) for asset in ASSETS})
    priced = draw(st.sampled_from((True, False)))
    at = [
        price
        for currency in CURRENCIES
        for basis in ("spot", "mean-12-months")
        for price in prices(currency, basis, A="3/7", **({"B": "1000000"} if priced else {}))
    ]
    return figures(
        owed={asset: draw(amounts) for asset in (*ASSETS, "JPY")},
        held=held,
        deposits=[
            deposit("JPY", draw(amounts)),
            deposit("JPY", draw(st.integers(0, 3 * 10**9).map(str)), "compensation"),
        ],
        covers=[
            cover("insurance", currency, draw(st.integers(0, 2 * 10**9).map(str)))
            for currency in ("JPY", "HKD", "KRW", "EUR")
        ],
        said=[
            *volumes("JPY", "crypto-spot", draw(st.integers(0, 10**14).map(str)), "5"),
            *financial("EUR", cet1=draw(st.integers(0, 400_000).map(str)), expenses="900000"),
            *financial("JPY", net_assets=draw(st.integers(0, 10**8).map(str))),
            declared("licence", "krw-market"),
            declared("licence", "class-2"),
            declared("activity", "segregation-audit", since="2026-05-01T00:00:00Z"),
            *([declared("posture", "quorum-keys", until="2027-01-01T00:00:00Z")] if draw(st.booleans()) else []),
        ],
        at=at,
    )
