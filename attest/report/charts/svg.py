"""What every chart is made of: colours, an element that says what it shows, and numbers.

Colours stand as attributes, which typst and old readers follow; the classes let a page's style choose others in the
dark. Every chart has a title and a description of its own for who hears it, and its figures stand as text beside it.
All geometry is done in integers: of hundredths of a percent or of base units, in tenths of a unit of the picture.
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
    """The number of the colour of a kind, which is also in the page's style as `k0`, `k1` and so on."""
    return _LOOK_OF.get(kind, len(LOOKS) - 1)


def opened(ident: str, width: int, height: int, title: str, desc: str, more: str) -> str:
    """The beginning of a picture, with `more` attributes; `</svg>` ends it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{ident}-t {ident}-d"{more}>'
        f'<title id="{ident}-t">{escape(title)}</title><desc id="{ident}-d">{escape(desc)}</desc>'
    )


def units(tenths: int) -> str:
    """Tenths as a number of units of a picture: `125` is `12.5`."""
    return f"{tenths // 10}.{tenths % 10}" if tenths % 10 else str(tenths // 10)
