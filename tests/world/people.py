"""Those who sign a month, each with a home."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.world.forks import Forks


@dataclass
class Person:
    """A home with keys, and nothing of anyone else's but what was handed over."""

    home: Path
    forks: Forks
    environment: Mapping[str, str] = field(default_factory=dict)

    def attest(self, *arguments: object, code: int = 0, phrase: str | None = None) -> Any:
        """What `attest` prints with --json; a passphrase goes through a pipe, never through the arguments."""
        own = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        ran = self.forks.attest(self.home, [*map(str, arguments), "--json"], {**own, **self.environment}, phrase)
        assert ran.code == code, ran.out + ran.err
        return json.loads(ran.out)

    def give(self, other: Person, *names: str) -> None:
        for name in names:
            shutil.copy(self.home / name, other.home / name)
