"""Pieces of pages: figures, times, texts and charts as elements of HTML.

What others wrote is escaped here, so that a template may use every piece as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from markupsafe import Markup, escape

from attest.policy.results import RATIO, TIMES, Verdict
from attest.report.charts.bars import Segment, coverage_bar, stacked
from attest.report.numbers import Instant, Number, Share, share
from attest.report.view.held import CoverageRow, Part, Rest, Shares
from attest.report.view.rules import ReserveView
from attest.report.words import Language, words

_NOTHING: Final = "\N{EN DASH}"
_BRACKETS: Final = "\N{FULLWIDTH LEFT PARENTHESIS}{}\N{FULLWIDTH RIGHT PARENTHESIS}"
_LONG: Final = 9  # digits behind the point from which on a line may break there
_TAGS: Final = {
    "VERIFIED": "good",
    "MET": "good",
    "NOT MET": "bad",
    "NOT_MET": "bad",
    "FAILED": "bad",
    "NOT CHECKED": "warn",
    "INSUFFICIENT_DATA": "warn",
    "NOT_APPLICABLE": "idle",
}


class Pieces:
    """The pieces of pages in one language.

    `lang`: the language.
    `w`: its words, by key.
    """

    def __init__(self, lang: Language) -> None:
        self.lang = lang
        self.w = words(lang)

    def fill(self, key: str, **values: object) -> Markup:
        """The words of a key with their placeholders filled; values that are not `Markup` are escaped."""
        return escape(self.w[key]).format(**values)

    def plain(self, key: str, **values: str) -> str:
        """The words of a key with their placeholders filled, as plain text: for titles and attributes."""
        return self.w[key].format(**values)

    def word(self, place: str, name: str) -> str:
        """The word for `name`, or `name` itself where an exchange chose it."""
        return self.w.get(f"{place}.{name}", name)

    def text(self, said: str) -> Markup:
        """A text that somebody else wrote, isolated so that letters written from right to left turn nothing else."""
        return _made(f"<bdi>{escape(said)}</bdi>")

    def texts(self, said: Iterable[str]) -> tuple[Markup, ...]:
        """Several texts that somebody else wrote, each isolated."""
        return tuple(self.text(one) for one in said)

    def english(self, said: str) -> Markup:
        """A sentence of the verifier, which is in English on every page."""
        return escape(said) if self.lang == "en" else _made(f'<span lang="en">{escape(said)}</span>')

    def number(self, number: Number, unit: str = "") -> Markup:
        """A figure as a `data` element with its exact value; a line may break behind its point when digits are many."""
        whole, point, rest = number.text.partition(".")
        broken = "<wbr>" if len(rest) >= _LONG and rest.isdigit() else ""
        told = f'<data value="{escape(number.exact)}">{escape(whole)}{point}{broken}{escape(rest)}</data>'
        return _made(f"{told} {escape(unit)}" if unit else told)

    def percent(self, of: Share) -> Markup:
        """A share in percent; a dash when the whole is 0."""
        if of.number is None:
            return _made(_NOTHING)
        told = f'<data class="p" value="{escape(of.number.exact)}">{escape(of.number.text)}</data>'
        return _made(told)

    def side(self, number: Number | None, unit: str) -> Markup:
        """A figure of a comparison in its unit; words in its place when it is not known.

        `unit`: an asset or currency, `RATIO` or `TIMES`.
        """
        if number is None:
            return escape(self.w["rule.unknown"])
        if unit == TIMES:
            return self.fill("unit.times", number=self.number(number))
        return self.number(number, "" if unit == RATIO else unit)

    def cell(self, field: str, said: str, kind: str = "") -> Markup:
        """A cell of a table.

        `field`: the key of its column's name; a phone, which stacks the cells of a row, shows it before the cell.
        `said`: its content; a dash is left out on a phone.
        `kind`: its classes.
        """
        inside = escape(said).strip()
        kinds = f"{kind} none".lstrip() if inside == _NOTHING else kind
        shown = f' class="{kinds}"' if kinds else ""
        return _made(f'<td data-label="{escape(self.w[f"field.{field}"])}"{shown}>{inside}</td>')

    def time(self, time: Instant) -> Markup:
        """A time in UTC; on Japanese pages the time in Japan, with UTC in brackets."""
        said = [time.utc] if self.lang == "en" else [time.jst, _BRACKETS.format(time.utc)]
        spans = "".join(f'<span class="p">{escape(one)}</span>' for one in said)
        return _made(f'<time datetime="{escape(time.iso)}">{spans}</time>')

    def code(self, said: str) -> Markup:
        """A digest, an address or the name of a file, in letters of equal width."""
        return _made(f"<code>{escape(said)}</code>")

    def pair(self, name: str, value: str) -> Markup:
        """A name and its value, as the language sets them, such as `name: value`."""
        return self.fill("pair", name=name, value=value)

    def step(self, number: int) -> Markup:
        """The number and title of a step of verification."""
        return self.pair(self.fill("step.number", number=number), self.w[f"step.{number}"])

    def tag(self, status: str, said: str) -> Markup:
        """A verdict with its colour.

        `status`: the verdict, as verification or a policy names it.
        `said`: its words.
        """
        return _made(f'<span class="tag {_TAGS[status]}">{escape(said)}</span>')

    def rule_tag(self, verdict: Verdict, *, checked: bool) -> Markup:
        """The verdict on a rule with its colour; MET says so when not all of the figures behind it were `checked`."""
        if verdict == "MET" and not checked:
            return _made(f'<span class="tag warn">{escape(self.w["rule.MET.unchecked"])}</span>')
        return self.tag(verdict, self.w[f"rule.{verdict}"])

    def joined(self, items: Iterable[str]) -> Markup:
        """Several texts in a row, as the language joins a list."""
        return escape(self.w["list.and"]).join(items)

    def rest(self, rest: Rest) -> tuple[Markup, ...]:
        """The inputs of a verdict that were not checked, a phrase for each."""
        said = [
            self.fill(f"rest.{why}", amount=self.number(number), asset=asset) for asset, why, number in rest.amounts
        ]
        if rest.documents:
            said.append(self.fill("rest.documents", count=rest.documents))
        if rest.lowest:
            said.append(self.fill("rest.lowest", assets=self.joined(rest.lowest)))
        return tuple(said)

    def coverage_chart(self, row: CoverageRow, ident: str) -> Markup:
        """The bar of one asset's coverage; `ident` is unique on the page."""
        said = self.w["coverage.none-owed"] if row.coverage.number is None else row.coverage.number.text
        title = self.plain("coverage.chart", asset=row.asset)
        desc = self.plain("coverage.chart.desc", asset=row.asset, coverage=said)
        return Markup(coverage_bar(ident, row.coverage.hundredths, met=row.met, title=title, desc=desc))  # noqa: S704

    def shares_chart(self, shares: Shares, place: str, ident: str) -> Markup:
        """The parts of one asset's total side by side in a bar.

        `place`: the beginning of the keys of their words, `storage` or `control`.
        `ident`: unique on the page.
        """
        parts = self.parts_of(shares.parts)
        said = [
            Segment(part.kind, self.w[f"{place}.{part.kind}"], _said(part.share), part.share.hundredths)
            for part in parts
        ]
        title = self.plain("shares.chart", heading=self.w[f"heading.{place}"], asset=shares.asset)
        return Markup(stacked(ident, said, marked=False, title=title, desc=self._listed(said)))  # noqa: S704

    def reserve_chart(self, row: ReserveView, ident: str) -> Markup:
        """What counts towards one requirement as a bar of parts, with a mark at the requirement.

        `ident`: unique on the page.
        """
        said = [
            Segment(part.kind, self.word("part", part.kind), part.number.text, self.of_required(part, row).hundredths)
            for part in self.parts_of(row.parts)
        ]
        title = self.plain("reserve.chart", title=row.title, rule=row.rule)
        desc = self.plain(
            "reserve.chart.desc",
            available=row.available.text,
            required=row.required.text,
            currency=row.currency,
            covered=_said(row.covered),
        )
        return Markup(stacked(ident, said, marked=True, title=title, desc=f"{desc} {self._listed(said)}"))  # noqa: S704

    @staticmethod
    def parts_of(parts: Iterable[Part]) -> tuple[Part, ...]:
        """The parts that are not 0."""
        return tuple(part for part in parts if part.number.exact != "0")

    @staticmethod
    def of_required(part: Part, row: ReserveView) -> Share:
        """A part as a share of the requirement; `part.share` is its share of what is available."""
        return share(Fraction(part.number.exact), Fraction(row.required.exact))

    def _listed(self, segments: Iterable[Segment]) -> str:
        return self.w["list.and"].join(
            self.plain("shares.part", label=segment.label, share=segment.text) for segment in segments
        )


def _made(text: str) -> Markup:
    """Markup whose values the caller has escaped; `Markup.format`, which escapes them, takes four times as long."""
    return Markup(text)  # noqa: S704


def _said(of: Share) -> str:
    return _NOTHING if of.number is None else of.number.text
