"""What coins are held for, and how their keys are kept: words of the statement, its evidence and its rules."""

from __future__ import annotations

from typing import Literal

Purpose = Literal["customer", "guarantee", "compensation"]
Storage = Literal["cold", "hot", "other"]
