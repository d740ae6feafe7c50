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
"""


def make_token(folder: Path) -> dict[str, str]:
    """A token with P-256 keys 2 and 4 and the P-384 key 3; what the environment must have to find it."""
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
    subprocess.run([sys.executable, "-c", _MAKE_KEY, str(library), LABEL, PIN], env=whole, check=True)
    return environment
