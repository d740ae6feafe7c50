"""What a small exchange has on disk before a command runs: made once a case, copied for each try."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.faults.forked import CLOCK_TIME, Place, ran
from tests.faults.services import NODES

BEFORE, PERIOD = "2026-09", "2026-10"
CHALLENGED = "2026-10-31T16:30:00+00:00"  # soon after the last block that the demo's node recorded
ORIGIN = "exchange.example"
CONFIG = "attest.toml"
ROOT = "1.root.json"
BUNDLE = f"signing/{PERIOD}.attest.json"
CUSTOMERS = [f"customer-{number:03d}@example.jp" for number in range(40)]
FINDINGS = """\
auditor = "Example Audit LLC"
standard = "ISRS 4400 (Revised)"
[[procedures]]
procedure = "Recomputed the liability trees from the ledger"
finding = "The roots and totals agree"
exception = false
"""

Attest = Callable[..., None]


def state(name: str, folder: Path, environment: Mapping[str, str]) -> Path:
    """A folder in the state of this name, made in `folder` by the commands themselves."""
    place = Place(folder)
    empty = folder / "empty"
    empty.mkdir(parents=True)
    place.begin(empty)

    def attest(*arguments: str, now: str | None = None) -> None:
        ended = ran(place, arguments, environment if now is None else {**environment, CLOCK_TIME: now})
        assert ended.code == 0, f"{' '.join(arguments)} ended with {ended.code}: {ended.err}"

    _MAKERS[name](place.work, attest)
    made = folder / "state"
    shutil.move(place.work, made)
    shutil.rmtree(place.root)
    return made


def _keys(work: Path, attest: Attest) -> None:
    for name in ("exchange", "second", "auditor"):
        attest("key", "new", f"keys/{name}.pem")
    del work


def _config(work: Path, assets: str, chains: str = "") -> None:
    (work / CONFIG).write_text(
        f"""\
[entity]
name = "Small Exchange KK"
origin = "{ORIGIN}"
[scope]
included = ["spot balances", "yen balances"]
excluded = []
[ledger]
source = "ledger.csv"
time_zone = "Asia/Tokyo"
[keys]
exchange = "keys/exchange.pem"
[publication]
folder = "publication"
private_folder = "private"
valid_days = 45
{assets}
{chains}
[[money]]
currency = "JPY"
purpose = "customer"
amount = "850000000"
institution = "Demo Trust Bank"
document = "documents/trust-{{period}}.txt"
[[money]]
currency = "JPY"
purpose = "compensation"
amount = "850000000"
institution = "Demo Trust Bank"
document = "documents/reserve-deposit-{{period}}.txt"
""",
        encoding="utf-8",
    )
    (work / "documents").mkdir()
    for period in (BEFORE, PERIOD):
        for name in ("trust", "reserve-deposit"):
            (work / f"documents/{name}-{period}.txt").write_text(f"{name}: JPY 850,000,000 at the end of {period}\n")


def _ledger(work: Path, rows: Sequence[str]) -> None:
    (work / "ledger.csv").write_text("account,asset,balance\n" + "".join(f"{row}\n" for row in rows))


def _asset(name: str, decimals: int) -> str:
    return f'[[assets]]\nasset = "{name}"\ndecimals = {decimals}\n'


def _money(work: Path, attest: Attest) -> None:
    """Yen alone, so that no node is asked."""
    _config(work, _asset("JPY", 0))
    _ledger(work, [f"{name},JPY,{100_000 + number}" for number, name in enumerate(CUSTOMERS)])
    _keys(work, attest)


def _sums(work: Path, attest: Attest) -> None:
    """Three rows an account, which are added up."""
    _money(work, attest)
    _ledger(work, [f"{name},JPY,{number}" for number in range(3) for name in CUSTOMERS])
    text = (work / CONFIG).read_text()
    (work / CONFIG).write_text(text.replace("[ledger]", "[ledger]\nsum_rows = true"))


def _coins(work: Path, attest: Attest) -> None:
    """The demo's Ethereum wallets, behind two nodes, and yen."""
    chains = _of_the_demo("eip155")
    for theirs, ours in zip(("ATTEST_DEMO_ETHEREUM}", "ATTEST_DEMO_ETHEREUM_2}"), NODES, strict=True):
        chains = chains.replace(theirs, ours + "}")
    _config(work, _asset("JPY", 0) + _asset("ETH", 18) + _asset("DUSD", 6), chains)
    rows = [f"{name},{asset},{number + 1}" for asset in ("JPY", "ETH", "DUSD") for number, name in enumerate(CUSTOMERS)]
    _ledger(work, rows)
    _keys(work, attest)


def _bitcoin(work: Path, attest: Attest) -> None:
    """The demo's Bitcoin wallets, behind two nodes, and yen."""
    _config(work, _asset("JPY", 0) + _asset("BTC", 8), _of_the_demo("bip122"))
    _ledger(work, [f"{name},{asset},{number + 1}" for asset in ("JPY", "BTC") for number, name in enumerate(CUSTOMERS)])
    _keys(work, attest)


def _of_the_demo(namespace: str) -> str:
    """The tables of the demo's config about the chain in this namespace of CAIP-2."""
    from attest.demo import fixture_path

    parts = re.split(r"(?m)^(?=\[|# )", fixture_path("demo/attest.toml").read_text(encoding="utf-8"))
    return "".join(part for part in parts if part.startswith(("[[chains]]", "[[wallets]]")) and namespace in part)


def _published(work: Path, attest: Attest) -> None:
    """A month of yen, published, with the trust root of the exchange."""
    _money(work, attest)
    _root(attest)
    attest("run", CONFIG, "--period", PERIOD)


def _month_before(work: Path, attest: Attest) -> None:
    """One month is published, the next is not."""
    _money(work, attest)
    attest("run", CONFIG, "--period", BEFORE)
    time.sleep(1.1)  # the next one is issued in a later second


def _root(attest: Attest) -> None:
    keys = [f"keys/{name}.pem.pub" for name in ("exchange", "second", "auditor")]
    roles = ["--root", keys[0], "--exchange", keys[0], "--exchange", keys[1], "--auditor", keys[2]]
    attest("trust", "new", "--origin", ORIGIN, *roles, "-o", ROOT)
    attest("trust", "sign", ROOT, "--key", "keys/exchange.pem")


def _signing(work: Path, attest: Attest) -> None:
    """A month's bundle with what belongs beside it, handed to those who sign it."""
    _published(work, attest)
    shutil.copytree(work / "publication" / PERIOD, work / "signing")
    (work / "findings.toml").write_text(FINDINGS)
    clock = work.parent.parent / "clock.pem"
    if clock.exists():
        shutil.copy(clock, work / "clock.pem")


def _rooted(work: Path, attest: Attest) -> None:
    """A trust root that counts, issued before this second, in which the next one can be issued."""
    _keys(work, attest)
    _root(attest)
    time.sleep(1.1)


def _signed(work: Path, attest: Attest) -> None:
    """The bundle of a month as its auditor countersigned it."""
    _signing(work, attest)
    attest("countersign", BUNDLE, "--key", "keys/auditor.pem", "--trust-root", ROOT)


def _draft(work: Path, attest: Attest) -> None:
    """A trust root that nobody signed yet, after one that counts."""
    _rooted(work, attest)
    attest("trust", "rotate", ROOT, "--root", "keys/second.pem.pub", "-o", "2.root.json")


def _read(work: Path, attest: Attest) -> None:
    """A month with coins, published from a reading."""
    _coins(work, attest)
    attest("run", CONFIG, "--period", PERIOD)


def _asked(work: Path, attest: Attest) -> None:
    """Challenges for the wallets of a reading, and the signatures that came back, not added yet."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    from attest.demo.plan import load_plan

    _coins(work, attest)
    attest("reserves", "read", CONFIG, "--period", PERIOD, "-o", "reading")
    attest("control", "challenge", CONFIG, "--period", PERIOD, "-o", "challenges", now=CHALLENGED)
    Account.enable_unaudited_hdwallet_features()
    plan = load_plan().ethereum
    (work / "back").mkdir()
    for number, wallet in enumerate(plan.wallets):
        key = Account.from_mnemonic(plan.mnemonic, account_path=f"m/44'/60'/0'/0/{number}").key
        for path in (work / "challenges").glob("*.txt"):
            text = path.read_text(encoding="utf-8")
            if wallet.address in text:
                signed = Account.sign_message(encode_defunct(text=text), key).signature.hex().removeprefix("0x")
                (work / "back" / f"{path.stem}.sig").write_text(f"0x{signed}\n")
    assert len(list((work / "back").iterdir())) == len(plan.wallets)


_MAKERS: Mapping[str, Callable[[Path, Attest], None]] = {
    "money": _money,
    "sums": _sums,
    "coins": _coins,
    "bitcoin": _bitcoin,
    "published": _published,
    "month before": _month_before,
    "signing": _signing,
    "signed": _signed,
    "rooted": _rooted,
    "draft": _draft,
    "read": _read,
    "asked": _asked,
    "keys": _keys,
}
