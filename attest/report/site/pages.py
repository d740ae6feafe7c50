"""The pages of a site: the index, a page for each month, and one for each asset over all months."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Final

from markupsafe import Markup, escape

from attest.report.charts.svg import look
from attest.report.html import Links, month_page, page
from attest.report.site.folder import Drawn
from attest.report.site.keys import Keys
from attest.report.site.paths import FEED, SUMS, VERIFIER, asset_path, page_path, pdf_path
from attest.report.site.plots import Months, Plot, Shown, asset_plots, coverage_plot, reserve_plots
from attest.report.site.published import Site, SiteMonth
from attest.report.verdict import Verdict, verdict_of
from attest.report.view.held import CoverageRow
from attest.report.view.month import MonthView
from attest.report.words import LANGUAGES, Language
from attest.report.words.site import site_words

_ROOM: Final = 144  # months times assets up to which the charts of each asset stand on the index itself


class Pages:
    """The pages of one site.

    `keys`: those of its pages.
    `verifier`: SHA-256 of the page in which customers verify, hex; pages show it.
    """

    def __init__(self, site: Site, keys: Keys, *, verifier: str) -> None:
        self._site = site
        self._keys = keys
        self._verifier = verifier
        shown: dict[str, MonthView | None] = {}
        for month in site.months:
            shown[month.period] = shown.get(month.period) or month.row.view
        self._shown = tuple(Shown.of(period, view) for period, view in shown.items())
        self._are_assets_inline = len(self._shown) * len(site.assets) <= _ROOM

    def all(self) -> Iterator[tuple[str, Drawn]]:
        """Every page by its path, in the order of writing: a page comes after those it links to."""
        for lang in LANGUAGES:
            yield from self._months(lang)
            if not self._are_assets_inline:
                for number, asset in enumerate(self._site.assets):
                    path = asset_path(lang, asset)
                    yield path, Drawn(self._keys.of_site(path), partial(self._asset, lang, number, asset))
            indices = {f"{lang}/index.html": "../"} | ({"index.html": ""} if lang == LANGUAGES[0] else {})
            for path, top in indices.items():
                yield path, Drawn(self._keys.of_site(path), partial(self._index, lang, top=top))

    def _months(self, lang: Language) -> Iterator[tuple[str, Drawn]]:
        for period, view in ((shown.period, shown.view) for shown in self._shown):
            months = [month for month in self._site.months if month.period == period and month.files]
            if not months:
                continue
            path, top = page_path(lang, period), "../../"
            files = tuple(item for month in months for item in self._files(month, top))
            pdf = f"report.{lang}.pdf" if self._site.pdf and view is not None else None
            links = self._links(lang, path, top, pdf=pdf, files=files)
            if view is not None:
                yield path, Drawn(self._keys.of_view(path, view, links), partial(month_page, view, lang, links=links))
            else:
                draw = partial(self._failed, lang, links, period, months)
                yield path, Drawn(self._keys.of_months(path, months, links), draw)

    def _failed(self, lang: Language, links: Links, period: str, months: list[SiteMonth]) -> bytes:
        found = [(month, self._files(month, "../../")) for month in months]
        title = f"{self._site.entity} {period}"
        return self._page("failed.html.jinja", lang, links, period=period, found=found, title=title)

    @cached_property
    def _verdicts(self) -> dict[str, Verdict]:
        return {shown.period: verdict_of(shown.view) for shown in self._shown if shown.view is not None}

    def _history(self, lang: Language) -> Months:
        return Months(self._shown, site_words(lang))

    def _plots(self, lang: Language, number: int, asset: str) -> tuple[Plot, ...]:
        return asset_plots(self._history(lang), f"a{number}", asset)

    def _index(self, lang: Language, *, top: str) -> bytes:
        site = self._site
        words = site_words(lang)
        history = self._history(lang)
        assets = enumerate(site.assets) if self._are_assets_inline else ()
        of_rows = {item.sentence for month in site.months for item in month.said}
        return self._page(
            "index.html.jinja",
            lang,
            self._links(lang, f"{lang}/index.html", top, is_index=True),
            title=words["site.title"].format(entity=site.entity),
            top=top,
            last=site.months[-1] if site.months else None,
            broken=[item for item in site.findings if not item.adverse or item.sentence not in of_rows],
            pages={month.period: f"{top}{page_path(lang, month.period)}" for month in site.months},
            files=[(*self._files(month, top)[:1], *self._report(month, top, lang)) for month in site.months],
            verdicts=self._verdicts,
            periods=history.periods,
            coverage=coverage_plot(history, site.assets),
            reserves=reserve_plots(history),
            inline=[plot for number, asset in assets for plot in self._plots(lang, number, asset)],
            assets=[(asset, f"{top}{asset_path(lang, asset)}") for asset in site.assets],
            verifier=self._verifier,
            lowest=_lowest,
        )

    def _asset(self, lang: Language, number: int, asset: str) -> bytes:
        links = self._links(lang, asset_path(lang, asset), "../../")
        title = f"{site_words(lang)['site.asset'].format(asset=asset)} - {self._site.entity}"
        periods = self._history(lang).periods
        plots = self._plots(lang, number, asset)
        return self._page("asset.html.jinja", lang, links, asset=asset, plots=plots, title=title, periods=periods)

    def _links(
        self,
        lang: Language,
        path: str,
        top: str,
        *,
        pdf: str | None = None,
        files: tuple[tuple[str, str], ...] = (),
        is_index: bool = False,
    ) -> Links:
        """The links of the page at `path`; `top` is the relative address of the site's folder, seen from there."""
        (other,) = (one for one in LANGUAGES if one != lang)
        return Links(
            other=f"{top}{other}/{path.removeprefix(f'{lang}/')}",
            index=None if is_index else f"{top}{lang}/index.html",
            verify=f"{top}{VERIFIER}",
            pdf=pdf,
            feed=f"{top}{FEED}" if any(month.files for month in self._site.months) else None,
            files=files,
        )

    @staticmethod
    def _files(month: SiteMonth, top: str) -> tuple[tuple[str, str], ...]:
        """The downloads of a month: names and addresses."""
        names = [item.name for item in month.files] + ([SUMS] if month.files else [])
        return tuple((name, f"{top}{month.period}/{name}") for name in names)

    def _report(self, month: SiteMonth, top: str, lang: Language) -> tuple[tuple[str, str], ...]:
        if month.row.view is None or not self._site.pdf:
            return ()
        return ((f"report.{lang}.pdf", f"{top}{pdf_path(lang, month.period)}"),)

    def _page(self, template: str, lang: Language, links: Links, **values: object) -> bytes:
        words = site_words(lang)

        def fill(key: str, **texts: object) -> Markup:
            return escape(words[key]).format(**texts)

        return page(template, lang, links, site=self._site, s=words, fill=fill, word_of=_word_of, look=look, **values)


def _word_of(month: SiteMonth) -> str:
    """The key of the word for the verdict of a month that has a statement."""
    return {"verified": "VERIFIED", "not-met": "NOT MET", "not-checked": "NOT CHECKED"}.get(month.row.state, "FAILED")


def _lowest(view: MonthView) -> CoverageRow | None:
    """The asset with the lowest coverage; None where nothing is owed."""
    rows = (row for row in view.coverage if row.coverage.number is not None)
    return min(rows, key=lambda row: row.coverage.hundredths, default=None)
