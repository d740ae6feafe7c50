"""What an invented exchange has in each month of some years: its assets, its words, and what is odd about a month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Literal, NamedTuple

from attest.attestation.auditor_report import Procedure

LAST: Final = 2026 * 12 + 9  # October 2026, in months of the calendar
FEWEST: Final = 3  # assets: bitcoin, ether and yen
ZONE: Final = timedelta(hours=9)
_FIRST_ASKED, _WINDOWS, _SHORT, _GONE, _GAP = 3, (4, 11), 2, 6, 6
_WITHHELD, _REPORTED, _SILENT, _PLEDGED, _HELD = 8, (9, 11), 10, (10, 11), 7


class Coin(NamedTuple):
    """An asset with what customers were owed of it at first, in base units, and its price then in hundredths of yen."""

    asset: str
    decimals: int
    kind: Literal["bitcoin", "ether", "proven", "answered", "money"]
    owed: int
    price: int


COINS: Final = (
    Coin("BTC", 8, "bitcoin", 41_234_567_891, 1_501_234_500),
    Coin("ETH", 18, "ether", 5_987 * 10**18 + 123_456_789_012_345_678, 51_230_050),
    Coin("JPY", 0, "money", 846_299_519, 100),
    Coin("DUSD", 6, "proven", 1_175_250_049_983, 15_125),
    Coin("KUMO", 18, "answered", 987_654_321_012 * 10**18 + 987_654_321_098_765_432, 1),
    Coin("OLDC", 6, "proven", 52_500_123_456, 4_210),
)


@dataclass(frozen=True)
class Words:
    """Every free text of the exchange, its banks, custodians and auditor."""

    entity: str = "Demo Exchange KK"
    included: tuple[str, ...] = ("spot balances", "yen balances")
    excluded: tuple[tuple[str, str], ...] = (("staking", "not offered"), ("margin", "no balance of its own"))
    bank: str = "Demo Trust Bank"
    insurer: str = "Demo Casualty Insurance Co., Ltd."
    vault: str = "Vault Trust"
    tier: str = "licensed"
    keeper: str = "Keeper Ltd"
    source: str = "Demo index"
    nodes: tuple[str, str] = ("own node", "second node")
    signatory: str = "Taro Rei, representative director"
    posture: str = "annual-tabletop-exercise"
    covers: str = "key-loss"
    title: str = "The exchange's own rule"
    note: str = "Decided by the board in 2025."
    citation: str = "Rules of the exchange, section 4"
    auditor: str = "Example Audit LLC"
    standard: str = "ISRS 4400 (Revised)"
    procedures: tuple[Procedure, ...] = (
        Procedure(procedure="Recomputed the trees from the ledger", finding="They agree", exception=False),
        Procedure(
            procedure="Compared 60 balances of the ledger with the accounting records",
            finding="One balance of 0.5 BTC was booked a day late",
            exception=True,
        ),
    )


LONG_NAME: Final = (
    "株式会社髙﨑𠮷田暗号資産取引所ホールディングス東京大阪名古屋福岡札幌仙台広島京都神戸横浜金沢新潟静岡岡山熊本鹿児島那覇"
    "総合顧客預り資産分別管理信託保全準備資産証明運営機構第一事業本部市場運営統括部門会"
)
JAPANESE: Final = Words(
    entity=LONG_NAME,
    included=("現物取引の残高", "日本円の残高"),
    excluded=(("ステーキング", "提供していません"), ("レバレッジ取引", "独自の残高がありません")),
    bank="デモ信託銀行株式会社",
    insurer="デモ損害保険株式会社",
    signatory="代表取締役 礼 太郎",
    auditor="例示監査法人",
)
MARKUP: Final = (
    '<script>alert("x")</script><img src=x onerror=alert(1)>\'"><!-- --></title></style> &lt;b&gt; {{ 7 * 7 }}{% raw %}'
    " #set page(width: 1pt) #panic() $x^2$ *b* _i_ `c` @ref <label> // /* \\u{41} \\n \\ %s {0} é"
)


def hostile() -> Words:
    """Words of which each is markup of all languages at once, and says its own place."""

    def said(place: str) -> str:
        return f"{place} {MARKUP}"

    return Words(
        entity=said("entity"),
        included=(said("included"), "yen"),
        excluded=((said("product"), said("reason")),),
        **{
            name: said(name)
            for name in "bank insurer vault tier keeper source signatory posture covers title note "
            "citation auditor standard".split()
        },
        nodes=(said("node"), "second node"),
        procedures=(Procedure(procedure=said("procedure"), finding=said("finding"), exception=True),),
    )


class Month(NamedTuple):
    """One month; `number` counts those of the calendar from 0. `hidden` wallets and documents are not public."""

    number: int
    period: str
    snapshot_at: datetime
    coins: tuple[Coin, ...]
    short: frozenset[str] = frozenset()
    asked: bool = False
    silent: frozenset[str] = frozenset()
    window: bool = False
    hidden: frozenset[str] = frozenset()
    pledged: bool = False
    held: bool = False
    reported: bool = False

    @property
    def issued_at(self) -> datetime:
        """When the statement was issued: two days after the snapshot."""
        return self.snapshot_at + timedelta(days=2, hours=12, minutes=10)

    def year_end(self, before: int) -> datetime:
        """The end of a fiscal year, March in Japan: of the last one before the snapshot, or so many years `before`."""
        there = self.snapshot_at + ZONE
        year = there.year if there.month > 3 else there.year - 1
        return datetime(year - before, 4, 1, tzinfo=UTC) - ZONE

    def owed(self, coin: Coin) -> int:
        """What customers are owed, in base units."""
        per_mille = 1000 + 6 * self.number + self._drawn(coin, "owed", 41) - 20
        return coin.owed * per_mille // 1000 + self._drawn(coin, "rest", 9973)

    def held_of(self, coin: Coin) -> int:
        """What is held for customers, in base units."""
        spare = 30 if coin.kind == "bitcoin" else 5
        per_mille = 979 if coin.asset in self.short else 1000 + spare + self._drawn(coin, "held", 25)
        return self.owed(coin) * per_mille // 1000

    def price(self, coin: Coin) -> str:
        """What a whole unit costs, in yen."""
        hundredths = max(1, coin.price * (1000 + self._drawn(coin, "price", 201) - 100) // 1000)
        return f"{hundredths // 100}.{hundredths % 100:02}".removesuffix(".00")

    def _drawn(self, coin: Coin, what: str, below: int) -> int:
        digest = sha256(f"{coin.asset} {self.period} {what}".encode()).digest()
        return int.from_bytes(digest[:8]) % below


def months(count: int, assets: int, *, sound: bool) -> Iterator[Month]:
    """The months of a chain that ends with October 2026; unless it is `sound`, they are as odd as a year can be."""
    coins = _coins(assets)
    for number in range(count):
        index = LAST - count + 1 + number
        year, month = divmod(index, 12)
        snapshot_at = datetime(year + (month + 1) // 12, (month + 1) % 12 + 1, 1, tzinfo=UTC) - ZONE
        plain = Month(number, f"{year}-{month + 1:02}", snapshot_at, coins)
        if sound:
            yield plain
        elif number != _GAP:
            yield _odd(plain)


def _odd(month: Month) -> Month:
    number = month.number
    return month._replace(
        coins=tuple(coin for coin in month.coins if coin.asset != "OLDC" or number < _GONE),
        short=frozenset({"DUSD"} if number == _SHORT else ()),
        asked=number >= _FIRST_ASKED,
        silent=frozenset({"eth-hot"} if number == _SILENT else ()),
        window=number in _WINDOWS,
        hidden=frozenset(
            {"btc-vault"} if number == _WITHHELD else {"reserve-deposit"} if number == _WINDOWS[1] else ()
        ),
        pledged=number in _PLEDGED,
        held=number >= _HELD,
        reported=number in _REPORTED,
    )


def _coins(assets: int) -> tuple[Coin, ...]:
    more: Sequence[Coin] = [
        _another(COINS[3], f"T{number:02}", 10**6 + 7919 * number) for number in range(assets - len(COINS))
    ]
    return tuple(sorted((*COINS[: max(FEWEST, assets)], *more)))


def _another(coin: Coin, asset: str, more: int) -> Coin:
    """Another token like `coin`, of which customers are owed `more` base units."""
    return coin._replace(asset=asset, owed=coin.owed + more)


def words(*, sound: bool, is_hostile: bool) -> Words:
    """The words of an exchange."""
    return hostile() if is_hostile else Words() if sound else JAPANESE
