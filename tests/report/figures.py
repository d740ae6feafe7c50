"""The figures that a report may show of a month, and those that it must, worked out from the month's JSON alone.

Nothing here is taken from what draws reports: sums, shares and roundings are done again. Of a share, a part and of what
there is, no more is said than is so; of what is required, no less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final, NamedTuple

_ROUNDED_UP: Final = frozenset({"required", "exposure"})
_READABLE: Final = 12


class Shown(NamedTuple):
    """A figure: its exact value and its text, as a page has them in one element."""

    exact: str
    text: str


class Place(NamedTuple):
    """A section of a report, and what a row of it is about, such as an asset; empty where that is no matter."""

    section: str
    subject: str = ""


class Figures:
    """By place: `may` has what can stand there, `must` those of them that may not be left out.

    `coverage` has what is owed, held and covered by asset, `named` what stands under a word, by the asset or the title
    and rule that it is of, and the key of the word.
    """

    def __init__(self, document: Any) -> None:
        self.document = document
        self.predicate = document["predicate"]
        self.decimals: dict[str, int] = {item["asset"]: item["decimals"] for item in self.predicate["assets"]}
        self.may: dict[Place, set[Shown]] = defaultdict(set)
        self.must: dict[Place, set[Shown]] = defaultdict(set)
        self.coverage: dict[str, tuple[Shown, Shown, Shown | None]] = {}
        self.named: dict[tuple[str, str], Shown | None] = {}
        self._coverage()
        self._storage()
        self._control()
        self._reserves()
        self._policies()
        self._lists()
        self._papers()

    def _add(self, place: Place, *must: Shown, may: Iterable[Shown] = ()) -> None:
        self.must[place].update(must)
        self.may[place].update(must, may)

    def _units(self, value: str | int, asset: str) -> Shown:
        return Shown(str(int(value)), decimal(int(value), self.decimals[asset]))

    def _rest(self, found: Any) -> Iterator[Shown]:
        """What is told to be unchecked beside a verdict."""
        if rest := found.get("unchecked"):
            yield from (self._units(item["amount"], item["asset"]) for item in rest["amounts"])
            yield number(rest["documents"])

    def _coverage(self) -> None:
        for row in self.document["coverage"]:
            asset, held = row["asset"], sum(map(int, row["held"].values()))
            counted = int(row.get("counted", held))
            covered = share(counted, int(row["owed"]))
            main = (self._units(row["owed"], asset), self._units(held, asset), covered)
            self.coverage[asset] = main
            counted_too = [self._units(row[name], asset) for name in ("counted", "denied") if name in row]
            levels = [item for amount in row["held"].values() if (item := share(int(amount), held))]
            self.named |= {(asset, "field.owed"): main[0], (asset, "field.held"): main[1]}
            for name in ("proven", "agreed", "single", "declared"):
                self.named[asset, f"level.{name}"] = share(int(row["held"].get(name, 0)), held)
            place = Place("coverage", asset)
            self._add(place, *(item for item in main if item), *counted_too, may=[*levels, *self._rest(row)])
            if len(levels) > 1:
                self._add(place, *levels)

    def _divided(self, place: Place, asset: str, parts: Iterable[int]) -> None:
        """An amount in parts: those that are nothing may be left out."""
        sizes = list(parts)
        total = sum(sizes)
        shown = {size: (self._units(size, asset), share(size, total)) for size in sizes}
        must = [item for size, pair in shown.items() if size for item in pair if item]
        self._add(
            place, self._units(total, asset), *must, may=[item for pair in shown.values() for item in pair if item]
        )

    def _storage(self) -> None:
        for asset in self.decimals:
            coins = {kind: self._customers(asset, storage=kind) for kind in ("cold", "hot", "other")}
            money = [
                int(line["amount"])
                for line in self.predicate["money"]
                if (line["currency"], line["purpose"]) == (asset, "customer")
            ]
            if sum(coins.values()) or sum(money):
                self._divided(Place("storage", asset), asset, [*coins.values(), sum(money)])

    def _customers(self, asset: str, **fields: str) -> int:
        """The customers' coins in those lines of the statement that have some fields."""
        wanted = {"asset": asset, "purpose": "customer", **fields}.items()
        return sum(int(line["amount"]) for line in self.predicate["reserves"] if wanted <= line.items())

    def _control(self) -> None:
        """Where no proof of control came at all, the statement says of which lines nothing shows control."""
        proven = any(int(row["held"]) for row in self.document["control"])
        for row in self.document["control"]:
            asset, total, held = row["asset"], int(row["customer"]), int(row["held"])
            shown = {name: int(row[name]) for name in ("signed", "confirmed", "sampled")}
            here = held if proven else self._customers(asset, control="none")
            shown |= {"nothing": here - sum(shown.values()), "unavailable": total - here}
            if total:
                self._divided(Place("control", asset), asset, shown.values())
                self.named |= {(asset, f"control.{name}"): share(size, total) for name, size in shown.items()}

    def _reserves(self) -> None:
        for policy in self.document["policies"]:
            for rule in policy["rules"]:
                values = {item["name"]: (Fraction(item["value"]), item["unit"]) for item in rule["figures"]}
                if not {"required", "available"} <= values.keys():
                    continue
                required, currency = values["required"]
                available, _ = values["available"]
                places = self.decimals[currency]
                place = Place("reserves", f"{policy['title']}: {rule['rule']}")
                self._add(place, up(required, places), down(available, places), may=self._rest(rule))
                self.named[place.subject, "field.required"] = up(required, places)
                self.named[place.subject, "field.available"] = down(available, places)
                of_lines = [
                    share(Fraction(line["available"]), Fraction(line["required"]))
                    for line in rule["lines"]
                    if line["available"] is not None and line["required"] is not None
                ]
                self._add(place, may=[item for item in of_lines if item])
                for value, unit in values.values():
                    if unit == currency:
                        part = share(value, available)
                        self._add(place, may=[down(value, places), *([part] if part else [])])

    def _policies(self) -> None:
        for policy in self.document["policies"]:
            for rule in policy["rules"]:
                self._add(Place("policies"), may=self._rest(rule))
                for line in rule["lines"]:
                    place = Place("policies", line["subject"])
                    sides = {"required": not line["atMost"], "available": line["atMost"], "shortfall": True}
                    for name, rounds_up in sides.items():
                        if line[name] is not None:
                            shown = self._figure(line[name], line["unit"], rounds_up=rounds_up)
                            self._add(place, *([] if shown.exact == "0" else [shown]), may=[shown])
                for item in rule["figures"]:
                    rounds_up = item["name"] in _ROUNDED_UP
                    place = Place("policies", " ".join(item["text"].split()))
                    self._add(place, may=[self._figure(item["value"], item["unit"], rounds_up=rounds_up)])

    def _figure(self, value: str, unit: str, *, rounds_up: bool) -> Shown:
        exact = Fraction(value)
        if unit in self.decimals:
            return (up if rounds_up else down)(exact, self.decimals[unit])
        if unit != "ratio":
            return Shown(value, value)
        hundredths = (ceil if rounds_up else floor)(exact * 10_000)
        text = percent(hundredths)
        return Shown(value, text if len(value) > _READABLE else f"{value} ({text})")

    def _lists(self) -> None:
        for pin in self.document["chains"]:
            nodes = [] if pin["nodes"] is None else [number(pin["nodes"])]
            self._add(Place("pins", pin["chain"]), Shown(str(pin["height"]), str(pin["height"])), *nodes)
        for row in self.document["windows"]:
            height = [] if row["height"] is None else [Shown(str(row["height"]), str(row["height"]))]
            self._add(Place("lowest", row["asset"]), self._units(row["lowest"], row["asset"]), *height)
        for tree in self.predicate["liabilities"]["trees"]:
            if accounts := tree["negativeAccounts"]:
                total = self._units(tree["negativeTotal"], tree["asset"])
                self._add(Place("negatives", tree["asset"]), number(accounts), total)
            self._add(Place("ties"), number(tree["size"]), self._units(tree["total"], tree["asset"]))
        for asset, (_, held, _) in self.coverage.items():
            self._add(Place("ties"), held)
            lines = [line for line in self.predicate["reserves"] if line["asset"] == asset]
            self._add(Place("ties"), *(number(line["wallets"]) for line in lines))
            lines += [line for line in self.predicate["money"] if line["currency"] == asset]
            self._add(Place("ties"), *(self._units(line["amount"], asset) for line in lines))

    def _papers(self) -> None:
        """What documents and declarations say, and auditors."""
        for item in self.predicate["declarations"]:
            if item["kind"] != "window" and "amount" in item:
                self._add(Place("declarations"), self._units(item["amount"], item["unit"]))
        for row in self.predicate.get("held", ()):
            self._add(Place("held", row["asset"]), self._units(row["amount"], row["asset"]))
        for report in self.document["signatories"].get("auditorReports", ()):
            exceptions = sum(item["exception"] for item in report["procedures"])
            self._add(Place("reports"), number(exceptions), may=[number(len(report["procedures"]))])
        if "records" in self.document:
            withheld = self.predicate["evidence"]["count"] - len(self.document["records"])
            self._add(Place("records"), number(withheld))


def decimal(units: int, places: int) -> str:
    """Base units as a decimal number with all its places."""
    whole, rest = divmod(units, 10**places)
    return f"{whole:,}" + (f".{rest:0{places}d}" if places else "")


def number(count: int) -> Shown:
    """How many there are."""
    return Shown(str(count), f"{count:,}")


def up(value: Fraction, places: int) -> Shown:
    """Base units that are asked for."""
    return Shown(str(value), decimal(ceil(value), places))


def down(value: Fraction, places: int) -> Shown:
    """Base units that there are."""
    return Shown(str(value), decimal(floor(value), places))


def percent(hundredths: int) -> str:
    """Hundredths of a percent."""
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def share(part: int | Fraction, whole: int | Fraction) -> Shown | None:
    """A part of a whole in percent, never rounded up and never cut; None where the whole is nothing."""
    if whole == 0:
        return None
    value = Fraction(part) / Fraction(whole)
    return Shown(str(value), percent(floor(value * 10_000)))
