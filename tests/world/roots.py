"""Trust roots in files, as commands make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attest.attestation.statement import PAYLOAD_TYPE
from attest.signing.envelope import sign
from tests.conftest import Exchange
from tests.world.ceremony import root, signer


def state(path: Path) -> tuple[int, int, bytes]:
    """What changes when a file is written, though with the same bytes."""
    return path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()


def new(attest: Any, *options: object, out: str = "1.json") -> Any:
    return attest("trust", "new", "--origin", "exchange.example", *options, "--out", out, "--json")


def signed_root(folder: Path) -> Path:
    roles = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
    (folder / "signed.json").write_bytes(root(1, roles, "ab").to_bytes())
    return folder / "signed.json"


def bundle_of(exchange: Exchange, folder: Path, sigs: str = "xyu") -> Path:
    from attest.attestation.bundle import Bundle

    envelope = sign(exchange.payload, PAYLOAD_TYPE, [signer(name) for name in sigs])
    bundle = Bundle(format="attest/bundle/v1", envelope=envelope, timestamps=(), trust_roots=(), auditor_reports=())
    (folder / "2026-10.attest.json").write_bytes(bundle.to_bytes())
    return folder / "2026-10.attest.json"


FINDINGS = """\
auditor = "Example Audit LLC"
standard = "ISRS 4400 (Revised)"
[[procedures]]
procedure = "Recomputed the liability trees"
finding = "They agree"
exception = false
"""
