"""How many examples a property is tried on: profiles of hypothesis, and numbers that grow with the profile.

How long an example takes says something of the machine and nothing of attest, so no profile has a deadline.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import settings

_USUAL: Final = 100
_RELEASE: Final = 20 * _USUAL


def load_profile() -> None:
    """Draw examples anew in each run, and in CI always the same ones, because a change there is to be judged alone.

    `pytest --hypothesis-profile=release` draws many more.
    """
    settings.register_profile("drawn", deadline=None, max_examples=_USUAL)
    settings.register_profile("same", deadline=None, max_examples=_USUAL, derandomize=True, database=None)
    settings.register_profile("release", deadline=None, max_examples=_RELEASE)
    settings.load_profile("same" if "CI" in os.environ else "drawn")


def examples(count: int) -> settings:
    """Settings of a property that is tried on `count` examples, and on as many times more as the profile has."""
    return settings(max_examples=count * settings.default.max_examples // _USUAL)
