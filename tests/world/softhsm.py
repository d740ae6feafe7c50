"""A real PKCS#11 token in software (SoftHSM), which tests/install-nodes puts into .tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / ".tools"
LABEL, PIN = "exchange token", "1234"
URI = "hsm:2?label=exchange+token"
# The key is made on the token, in a process that is then gone.
_MAKE_KEY = """
import sys, pkcs11
from pkcs11.util.ec import encode_named_curve_parameters
library, label, pin = sys.argv[1:]
with pkcs11.lib(library).get_token(token_label=label).open(rw=True, user_pin=pin) as session:
    for number, curve in ((2, "secp256r1"), (3, "secp384r1"), (4, "secp256r1")):
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}, local=True
        )
        parameters.generate_keypair(store=True, id=bytes([number]), label=f"key {number}")
    for keyid, label in MORE_KEYS:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True
        )
        parameters.generate_keypair(store=True, id=bytes.fromhex(keyid), label=label)
"""
# The id in hex and the label of further keys: as YubiHSM 2 gives ids, as YubiKeys and others do, and a label of two.
MORE_KEYS = [
    ("0002", "month; end"),
    ("000002", "three bytes"),
    ("00", "zero"),
    ("9f" * 20, "of a hash"),
    ("05", "twin"),
    ("06", "twin"),
    ("07", "Schl\u00fcssel"),
]


def make_token(folder: Path) -> dict[str, str]:
    """A token with P-256 keys 2 and 4, the P-384 key 3 and `MORE_KEYS`; what the environment must have to find it."""
    library = TOOLS / "softhsm" / "libsofthsm2.so"
    program = shutil.which("softhsm2-util", path=f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if program is None or not library.exists():
        if "CI" in os.environ:
            raise AssertionError("SoftHSM is missing")
        pytest.skip("SoftHSM not found: run tests/install-nodes")
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    environment = {"SOFTHSM2_CONF": str(config), "PYKCS11LIB": str(library)}
    whole = {**os.environ, **environment}
    arguments = ["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "12345678"]
    subprocess.run([program, *arguments], env=whole, check=True, capture_output=True)
    subprocess.run(
        [sys.executable, "-c", f"MORE_KEYS = {MORE_KEYS!r}\n{_MAKE_KEY}", str(library), LABEL, PIN],
        env=whole,
        check=True,
    )
    return environment


def add_token(environment: dict[str, str], label: str) -> None:
    """Make another token of this label beside, without keys."""
    program = shutil.which("softhsm2-util", path=f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert program is not None
    arguments = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "12345678"]
    subprocess.run([program, *arguments], env={**os.environ, **environment}, check=True, capture_output=True)
