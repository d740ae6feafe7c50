"""The parts of every chart: colours, the SVG element with its title and description, and numbers.

Colours are attributes, which typst and old readers follow; the classes beside them let a page's style choose others for
a dark screen. Title and description are for readers who hear the page; the figures stand as text beside each chart.
All geometry is done in integers: values are hundredths of a percent or base units, places tenths of a unit of the
picture.
"""

from __future__ import annotations

from html import escape
from typing import Final

LOOKS: Final = ("#17663a", "#2f7fb8", "#9a6a1c", "#77808c", "#7b4ea8", "#0f7b7d", "#a9b1bb")
_LOOK_OF: Final = {
    "proven": 0, "agreed": 1, "single": 2, "declared": 3,
    "cold": 1, "hot": 2, "other": 3, "trust": 0,
    "signed": 0, "confirmed": 1, "sampled": 2, "nothing": 3, "unavailable": 6,
    "coins": 0, "deposits": 1, "insurance": 2, "bank-guarantee": 4, "trust-deposit": 5, "escrow": 3,
}  # fmt: skip
BAD: Final = "#a81818"
INK: Final = "#16191d"
SOFT: Final = "#4a5361"
GROUND: Final = "#dfe3e8"
PAPER: Final = "#fff"


def look(kind: str) -> int:
    """The index in `LOOKS` of the colour of a kind; the page's style names it `k0`, `k1` and so on."""
    return _LOOK_OF.get(kind, len(LOOKS) - 1)


def opened(ident: str, width: int, height: int, title: str, desc: str, more: str) -> str:
    """The SVG element that opens a picture; `</svg>` closes it.

    `ident`: unique on the page.
    `width`, `height`: in units.
    `more`: further attributes, with a space before each.
    """
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"{more}>'
        f'<title id="{ident}-t">{escape(title)}</title><desc id="{ident}-d">{escape(desc)}</desc>'
    )


def units(tenths: int) -> str:
    """Tenths of a unit as SVG writes them in units: 125 is `12.5`."""
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)
