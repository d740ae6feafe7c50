"""The demo exchange as files: its config, ledger, documents, keys and trust root, and the nodes it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from attest.chains.nodes.rpc import Node
from attest.demo import fixture_path
from attest.demo.recording import recorded_node
from attest.files import PUBLIC_MODE, SECRET_MODE, write_file
from attest.folders import new_folder
from attest.signing.keys import PublicKey, Signer
from attest.signing.trust_writing import Keys, new_root, sign_draft

PERIOD: Final = "2026-10"
ACCOUNT: Final = "hanako@example.jp"
CONFIG_FILE: Final = "attest.toml"
KEY_FILE: Final = "keys/exchange.pem"
PUBLIC_KEY_FILE: Final = "keys/exchange.pem.pub"
ROOT_KEY_FILES: Final = ("keys/cfo.pem", "keys/coo.pem")
TRUST_ROOT_FILE: Final = "trust/1.root.json"
BITCOIN_VARIABLES: Final = ("ATTEST_DEMO_BITCOIN", "ATTEST_DEMO_BITCOIN_2")
ETHEREUM_VARIABLES: Final = ("ATTEST_DEMO_ETHEREUM", "ATTEST_DEMO_ETHEREUM_2")
POLICY_FILE: Final = "policies/reserve-without-insurance.toml"
_ORIGIN: Final = "exchange.example"
# Before the month, as a trust root has to be; one made afterwards does not speak for a statement from before it.
_TRUSTED_FROM: Final = datetime(2026, 10, 1, tzinfo=UTC)
_TRUSTED_FOR: Final = timedelta(days=3650)
_FILES: Final = {
    CONFIG_FILE: "demo/attest.toml",
    "ledger.csv": "demo/ledger.csv",
    POLICY_FILE: "demo/reserve-without-insurance.toml",
    **{
        f"documents/{name}": f"demo/{name}"
        for name in (
            f"declaration-{PERIOD}.txt",
            f"insurance-{PERIOD}.txt",
            f"prices-{PERIOD}.csv",
            f"reserve-deposit-{PERIOD}.txt",
            f"trust-{PERIOD}.txt",
        )
    },
}


def write_exchange(folder: Path) -> None:
    """Write the exchange's files into `folder`, which must not exist, with new keys and a trust root that names them.

    Raises `UnavailableError`.
    """
    signers = {name: Signer.generate("ed25519") for name in (KEY_FILE, *ROOT_KEY_FILES)}
    with new_folder(folder, 0o755) as partial:
        for subfolder in ("documents", "keys", "policies", "trust"):
            (partial / subfolder).mkdir()
        for name, fixture in _FILES.items():
            write_file(partial / name, fixture_path(fixture).read_bytes(), mode=_mode(name))
        for name, signer in signers.items():
            write_file(partial / name, signer.to_pem(None), mode=SECRET_MODE)
            write_file(partial / f"{name}.pub", signer.public.to_pem())
        write_file(partial / TRUST_ROOT_FILE, _trust_root(signers))


def _trust_root(signers: Mapping[str, Signer]) -> bytes:
    """The exchange's first trust root, which both holders of its root keys signed."""
    keys: Keys = {"root": _public(signers, *ROOT_KEY_FILES), "exchange": _public(signers, KEY_FILE)}
    root = new_root(
        _ORIGIN, keys, {"root": len(ROOT_KEY_FILES)}, issued_at=_TRUSTED_FROM, expires_at=_TRUSTED_FROM + _TRUSTED_FOR
    )
    for name in ROOT_KEY_FILES:
        root = sign_draft(root, signers[name]).to_bytes()
    return root


def _public(signers: Mapping[str, Signer], *files: str) -> dict[str, PublicKey]:
    """Public keys by the names that `attest trust new` gives them."""
    return {Path(name).name: signers[name].public for name in files}


def _mode(name: str) -> int:
    """Ledger and documents name customers and balances, of which others on the machine know nothing."""
    return PUBLIC_MODE if name in {CONFIG_FILE, POLICY_FILE} else SECRET_MODE


@contextmanager
def recorded_nodes() -> Iterator[dict[str, str]]:
    """Serve the recorded chains; yields the environment in which the config finds them.

    The second node of a chain gives the same recording: the real ones gave the same answers.
    """
    with ExitStack() as stack:
        yield {
            variable: stack.enter_context(recorded_node(fixture_path(recording)))
            for variables, recording in (
                (BITCOIN_VARIABLES, "demo/bitcoin.jsonl"),
                (ETHEREUM_VARIABLES, "demo/ethereum.jsonl"),
            )
            for variable in variables
        }


@contextmanager
def live_nodes() -> Iterator[dict[str, str]]:
    """Start and fund two real nodes of each chain; yields the environment in which the config finds them.

    What funds them makes the same chain on each. Raises `UnavailableError` when anvil or bitcoind is not installed.
    """
    from attest.demo.funding import ethereum_genesis_time, fund_bitcoin, fund_ethereum
    from attest.demo.nodes import anvil, bitcoind

    environment = {}
    with ExitStack() as stack:
        for variable in ETHEREUM_VARIABLES:
            environment[variable] = stack.enter_context(anvil(genesis_time=ethereum_genesis_time()))
            fund_ethereum(Node("anvil", environment[variable]))
        for variable in BITCOIN_VARIABLES:
            environment[variable] = stack.enter_context(bitcoind())
            fund_bitcoin(Node("bitcoind", environment[variable]))
        yield environment
