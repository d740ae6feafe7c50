from __future__ import annotations

import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from attest.cli.render.tables import new_table, render
from attest.cli.result import printable
from attest.demo.exchange import recorded_nodes, write_exchange
from tests.conftest import Exchange, make_exchange


@pytest.fixture
def published(exchange: Exchange) -> tuple[Path, Path]:
    return exchange.outcome.bundle, exchange.folder / "keys" / "exchange.pem.pub"


def test_demo_shows_what_it_made_and_it_verifies(attest: Any, tmp_path: Path) -> None:
    out = tmp_path / "demo"
    ran = attest("demo", "--out", out)
    assert (ran.code, "101.33 %" in ran.out, "hanako@example.jp" in ran.out) == (0, True, True)
    assert "reading the ledger" in ran.err
    (line,) = [line for line in ran.out.splitlines() if " verify " in line]
    verified = attest("verify", *line.split(" verify ")[1].split())
    assert verified.code == 0
    assert verified.out.startswith(
        "VERIFIED, 3 of 16 steps NOT CHECKED: Demo Exchange KK (exchange.example) for 2026-10\n"
    )
    assert "owed to you" in verified.out
    (line,) = [line for line in ran.out.splitlines() if " prove " in line]
    proof = attest("prove", *line.split(" prove ")[1].split())
    assert proof.document["account"] == "holder-of-one-satoshi@example.jp"
    for name in ran.out.split():
        if name.startswith(str(out)):
            assert Path(name).exists()


def test_the_demo_has_a_trust_root_from_before_its_month(attest: Any, tmp_path: Path) -> None:
    write_exchange(tmp_path / "demo")
    shown = attest("trust", "show", tmp_path / "demo" / "trust" / "1.root.json", "--json").document
    assert (shown["complete"], shown["signed"]) == (True, ["cfo.pem", "coo.pem"])
    assert shown["root"]["issuedAt"] == "2026-10-01T00:00:00Z"
    assert shown["root"]["roles"]["root"] == {"keyids": ["cfo.pem", "coo.pem"], "threshold": 2}
    keys = (tmp_path / "demo" / "keys").iterdir()
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys if path.suffix == ".pem"} == {
        "cfo.pem": 0o600, "coo.pem": 0o600, "exchange.pem": 0o600
    }  # fmt: skip


def test_the_readme_shows_what_demo_prints(attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "typst" else find(name, *rest))
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown, rest = attest("demo", "--out", tmp_path / "demo").out.split("\n\nThe statement is signed")
    assert f"```\n{shown}\n```" in readme
    assert rest.count("pip install 'attest-por[report]'") == 1
    assert not list((tmp_path / "demo" / "site").rglob("*.pdf"))


def test_demo_as_json_says_where_everything_is(attest: Any, tmp_path: Path) -> None:
    pytest.importorskip("typst")
    made = attest("demo", "--out", tmp_path / "demo", "--json").document
    paths = {name: Path(made[name]) for name in ("bundle", "private", "key", "proof", "trustRoot", "site")}
    assert all(path.exists() for path in paths.values())
    assert (paths["site"] / "trust" / "1.root.json").read_bytes() == paths["trustRoot"].read_bytes()
    assert len(list(paths["site"].rglob("*.pdf"))) == 2


def test_long_names_do_not_squeeze_the_verdicts_out_of_a_table(attest: Any, exchange: Exchange, tmp_path: Path) -> None:
    """Whoever makes the statement makes the names of its files."""
    missing = [f"{letter * 128}" for letter in "abcdefghij"]

    def name_them(value: Any) -> None:
        value["subject"] += [{"name": name, "digest": {"sha256": "00" * 32}} for name in missing]

    (tmp_path / "2026-10.attest.json").write_bytes(exchange.resigned(name_them))
    pub = exchange.folder / "keys" / "exchange.pem.pub"
    ran = attest("verify", tmp_path / "2026-10.attest.json", "--key", pub, "--at", "2026-11-03T00:00:00Z")
    assert ran.code == 0
    (row,) = (line for line in ran.out.splitlines() if line.startswith("   9   "))
    assert row.startswith("   9   NOT CHECKED   digests of subject files, evidence root   0 of ")
    assert all(name in row for name in missing)
    assert "   0   VERIFIED      size limits and strict JSON" in ran.out


def test_a_cell_without_an_end_is_cut_and_no_other() -> None:
    table = new_table("a", "b")
    table.add_row("x" * 100_000, "NOT MET")
    lines = render(table).splitlines()
    assert [len(line) for line in lines] == [2004, 320, 2010]
    assert lines[2].endswith("x…   NOT MET")


def test_demo_does_not_write_into_a_folder_that_exists(attest: Any, tmp_path: Path) -> None:
    ran = attest("demo", "--out", tmp_path)
    assert ran.code == 4
    assert "exists" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_verify_as_json_is_one_document(attest: Any, published: tuple[Path, Path]) -> None:
    bundle, key = published
    ran = attest("verify", bundle, "--key", key, "--json")
    assert (ran.code, ran.err, ran.document["status"]) == (0, "", "verified")
    assert [step["number"] for step in ran.document["steps"]] == list(range(16))
    assert ran.document["coverage"][0] == {
        "asset": "BTC",
        "decimals": 8,
        "owed": "40334999660",
        "held": {"agreed": "40875000000"},
        "rechecked": ["agreed"],
        "coverage": "101.33 %",
        "met": True,
        "checked": True,
    }


def test_a_failed_verification_exits_1_and_names_the_step(
    attest: Any, published: tuple[Path, Path], tmp_path: Path
) -> None:
    bundle, _ = published
    assert attest("key", "new", tmp_path / "other", "--no-passphrase").code == 0
    ran = attest("verify", bundle, "--key", tmp_path / "other.pub")
    assert ran.code == 1
    assert ran.out.startswith("FAILED\n")
    assert "VERIFIED:" not in ran.out
    as_json = attest("verify", bundle, "--key", tmp_path / "other.pub", "--json")
    assert (as_json.code, as_json.document["status"]) == (1, "failed")
    assert as_json.document["error"]["code"] == "signature/threshold"
    assert as_json.document["steps"][-1]["status"] == "FAILED"


def test_malformed_input_exits_3(attest: Any, published: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, key = published
    junk = tmp_path / "junk.attest.json"
    junk.write_bytes(b'{"format":"attest/bundle/v1","format":1}')
    assert attest("verify", junk, "--key", key).code == 3
    ran = attest("verify", bundle, "--key", bundle)
    assert (ran.code, "is not a PEM public key" in ran.err) == (3, True)
    as_json = attest("verify", junk, "--key", key, "--json")
    assert (as_json.document["status"], as_json.document["error"]["code"]) == ("malformed", "json/malformed")


def test_what_is_not_there_exits_4(attest: Any, published: tuple[Path, Path], tmp_path: Path) -> None:
    bundle, key = published
    for arguments in (
        ("verify", tmp_path / "none", "--key", key),
        ("verify", bundle, "--key", tmp_path / "none"),
        ("prove", tmp_path, "--account", "x"),
        ("run", tmp_path / "attest.toml", "--period", "2026-10"),
    ):
        ran = attest(*arguments)
        assert (ran.code, "attest: error: cannot read" in ran.err, ran.out) == (4, True, ""), arguments


@pytest.mark.parametrize(
    "arguments", [["verify"], ["nonsense"], ["verify", "x", "--key", "y", "--trust"], ["run", "x"]], ids=str
)
def test_wrong_usage_exits_2(arguments: list[str], attest: Any) -> None:
    ran = attest(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: attest" in ran.err
    as_json = attest(*arguments, "--json")
    assert (as_json.code, as_json.document["error"]["code"]) == (2, "usage")


def test_an_adverse_attestation_exits_5(attest: Any, exchange: Exchange, tmp_path: Path) -> None:
    bundle = tmp_path / "x.attest.json"
    bundle.write_bytes(exchange.resigned(lambda value: value["predicate"]["money"][0].update(amount="1")))
    ran = attest("verify", bundle, "--key", exchange.folder / "keys" / "exchange.pem.pub")
    assert ran.code == 5
    assert ran.out.startswith("VERIFIED, 7 of 16 steps NOT CHECKED, but NOT MET (see below): ")
    assert "NOT MET" in next(line for line in ran.out.splitlines() if line.startswith("JPY"))


def test_a_bad_ledger_is_told_with_all_findings(attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_exchange(tmp_path / "demo")
    ledger = tmp_path / "demo" / "ledger.csv"
    ledger.write_text(ledger.read_text(encoding="utf-8") + "a,BTC,x\nb,DOGE,1\n", encoding="utf-8")
    with recorded_nodes() as environment:
        for name, url in environment.items():
            monkeypatch.setenv(name, url)
        ran = attest("run", tmp_path / "demo" / "attest.toml", "--period", "2026-10")
        as_json = attest("run", tmp_path / "demo" / "attest.toml", "--period", "2026-10", "--json")
    assert ran.code == 3
    assert "ledger.csv row 2505, field balance: is not a decimal number" in ran.err
    assert "ledger.csv row 2506, field asset: 'DOGE'" in ran.err
    assert not (tmp_path / "demo" / "publication").exists()
    assert (as_json.code, len(as_json.document["error"]["details"])) == (3, 1)


def test_a_period_is_a_month(attest: Any, exchange: Exchange) -> None:
    for period in ("2026-13", "2026", "Oct 2026", "2026-10\n", "２０２６-10"):  # noqa: RUF001
        ran = attest("run", exchange.folder / "attest.toml", "--period", period)
        assert (ran.code, "is not a month" in ran.err) == (3, True)


def test_key_new_encrypts_and_protects_the_key(attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_PASSPHRASE", "correct horse")
    for scheme in ("ed25519", "ecdsa-p256-sha256"):
        path = tmp_path / scheme
        ran = attest("key", "new", path, "--scheme", scheme, "--json")
        assert (ran.code, ran.document["scheme"]) == (0, scheme)
        assert b"ENCRYPTED" in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"PUBLIC KEY" in (tmp_path / f"{scheme}.pub").read_bytes()
        before = path.read_bytes()
        assert attest("key", "new", path).code == 4
        assert path.read_bytes() == before


def test_a_passphrase_that_nobody_can_give_is_said_to_be_missing(
    attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTEST_PASSPHRASE", raising=False)
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: PTH123, SIM115
    ran = attest("key", "new", tmp_path / "key")
    assert (ran.code, "set ATTEST_PASSPHRASE" in ran.err, list(tmp_path.iterdir())) == (4, True, [])
    sys.stdin.close()


def test_a_bug_exits_70_and_is_not_taken_for_a_failed_verification(
    attest: Any, published: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("oops")

    monkeypatch.setattr("attest.verification.verify.parse_bundle", broken)
    ran = attest("verify", published[0], "--key", published[1], "--json")
    assert (ran.code, ran.document["error"]["code"]) == (70, "bug")


def test_an_interruption_exits_130(attest: Any, published: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("attest.verification.verify.parse_bundle", interrupted)
    assert attest("verify", published[0], "--key", published[1]).code == 130


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from attest.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'web3', 'cryptography', 'requests', 'trie', 'rich', 'wallycore', 'bitcoinlib'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"
    for command in ("demo", "key", "prove", "run", "verify"):
        assert command in ran.stdout


def test_verify_loads_no_network_library_no_web3_and_no_config(published: tuple[Path, Path]) -> None:
    code = (
        "import sys\n"
        "from attest.cli import main\n"
        f"try: main(['verify', {str(published[0])!r}, '--key', {str(published[1])!r}])\n"
        "except SystemExit as done: assert done.code == 0, done.code\n"
        "needless = {'attest.exchange.config', 'attest.wire', 'bitcoinlib', 'wallycore', 'web3'}\n"
        "print(sorted(needless & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


def test_verify_works_without_any_network(published: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "attest", "verify", str(published[0]), "--key", str(published[1])]
    alone = ["unshare", "--map-root-user", "--net", "--"]
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let a process leave the network")
    assert subprocess.run([*alone, *command], capture_output=True, check=False).returncode == 0


def test_nothing_a_file_says_can_rewrite_the_terminal(
    attest: Any, published: tuple[Path, Path], tmp_path: Path
) -> None:
    evil = tmp_path / "evil.attest.json"
    evil.write_text(
        json.dumps({"format": "attest/bundle/v1", "\x1b[2J\x1b[HVERIFIED: Evil Exchange\u202e": 1}), encoding="utf-8"
    )
    ran = attest("verify", evil, "--key", published[1])
    assert ran.code == 3
    assert "\\x1b[2J" in ran.err
    assert not {"\x1b", "\u202e"} & set(ran.out + ran.err)
    assert printable("a\nb\tc\u200b\ud800é日") == "a\nb\\tc\\u200b\\ud800é日"


@pytest.mark.parametrize("sink", ["pipe", "/dev/full"])
def test_a_result_that_nobody_can_read_is_not_a_failed_verification(sink: str, published: tuple[Path, Path]) -> None:
    command = [sys.executable, "-m", "attest", "verify", str(published[0]), "--key", str(published[1])]
    if sink == "pipe":
        read, write = os.pipe()
        os.close(read)
        expected = 0
    else:
        write, expected = os.open(sink, os.O_WRONLY), 4
    try:
        ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert ran.returncode == expected
    assert "Traceback" not in ran.stderr


def test_a_key_without_its_public_half_is_not_left_behind(attest: Any, tmp_path: Path) -> None:
    (tmp_path / "new" / "key.pub").mkdir(parents=True)
    ran = attest("key", "new", tmp_path / "new" / "key", "--no-passphrase", "--force")
    assert ran.code == 4
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["key.pub"]
    assert attest("key", "new", tmp_path / "another" / "folder" / "key", "--no-passphrase").code == 0


HOSTILE_CONFIGS = {
    "a date": ('name = "Demo Exchange KK"', "name = 2026-10-01", 3),
    "a time": ('source = "ledger.csv"', "source = 10:00:00", 3),
    "a huge hexadecimal integer": ("decimals = 18", "decimals = 0x" + "f" * 6000, 3),
    "a huge integer": ("decimals = 18", "decimals = " + "9" * 6000, 3),
    "a NUL in the ledger's name": ('source = "ledger.csv"', 'source = "led\\u0000ger.csv"', 3),
    "a NUL in the key's name": ('exchange = "keys/', 'exchange = "\\u0000keys/', 3),
    "a folder name of 300 characters": ('folder = "publication"', f'folder = "{"x" * 300}"', 4),
    "a key name of 300 characters": ('exchange = "keys/', f'exchange = "{"x" * 300}', 4),
    "a private folder in the publication": ('private_folder = "private"', 'private_folder = "publication/private"', 3),
    "one folder for both": ('private_folder = "private"', 'private_folder = "publication"', 3),
    "a publication in the private folder": ('folder = "publication"', 'folder = "private/publication"', 3),
    "the key in the publication": ('exchange = "keys/', 'exchange = "publication/keys/', 3),
    "BTC with 5 decimals": ("decimals = 8", "decimals = 5", 3),
    "ETH with 12 decimals": ("decimals = 18", "decimals = 12", 3),
    "a bank document counted twice": (
        "[[money]]",
        """[[money]]
currency = "JPY"
purpose = "customer"
amount = "1"
institution = "x"
document = "documents/trust-2026-10.txt"
[[money]]""",
        3,
    ),
}


@pytest.mark.parametrize("case", HOSTILE_CONFIGS)
def test_a_config_that_cannot_be_right_is_told_and_leaves_nothing(
    case: str, attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, code = HOSTILE_CONFIGS[case]
    folder = tmp_path / "x"
    write_exchange(folder)
    config = folder / "attest.toml"
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = sorted(folder.rglob("*"))
    with recorded_nodes() as environment:
        for name, url in environment.items():
            monkeypatch.setenv(name, url)
        ran = attest("run", config, "--period", "2026-10")
    assert ran.code == code, ran.err
    assert "attest: error: " in ran.err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("period", ["9999-12", "0000-12"])
def test_a_month_beyond_every_calendar_is_none(period: str, attest: Any, exchange: Exchange) -> None:
    assert attest("run", exchange.folder / "attest.toml", "--period", period).code == 3


@pytest.mark.parametrize("out", ["attest.toml/x", "x" * 250])
def test_a_proof_that_cannot_be_written_is_told(out: str, attest: Any, exchange: Exchange) -> None:
    ran = attest("prove", exchange.outcome.private, "--account", "hanako@example.jp", "-o", exchange.folder / out)
    assert (ran.code, "attest: error: cannot write" in ran.err) == (4, True)


def test_an_overlong_passphrase_is_told(attest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEST_PASSPHRASE", "x" * 2000)
    assert attest("key", "new", tmp_path / "key").code == 3
    assert list(tmp_path.iterdir()) == []


def test_liabilities_are_built_shown_proven_and_checked_by_themselves(attest: Any, tmp_path: Path) -> None:
    write_exchange(tmp_path / "x")
    config, snapshot = tmp_path / "x" / "attest.toml", tmp_path / "snapshot"
    built = attest("liabilities", "build", config, "--period", "2026-10", "--out", snapshot)
    assert (built.code, "403.34999660" in built.out, "ledger.csv  SHA-256" in built.out) == (0, True, True)
    assert attest("liabilities", "build", config, "--period", "2026-10", "--out", snapshot).code == 4
    shown = attest("liabilities", "show", snapshot)
    assert (shown.code, shown.out.startswith("NOT CHECKED")) == (0, True)
    assert attest("liabilities", "show", snapshot, "--json").document["trees"][0]["asset"] == "BTC"
    checked = attest("liabilities", "check", snapshot, config, "--period", "2026-10")
    assert (checked.code, checked.out.startswith("VERIFIED")) == (0, True)
    (snapshot / "JPY.nodes").write_bytes((snapshot / "JPY.nodes").read_bytes()[::-1])
    failed = attest("liabilities", "check", snapshot, config, "--period", "2026-10", "--json")
    assert (failed.code, failed.document["status"], failed.document["error"]["code"]) == (1, "failed", "snapshot/file")
    unbound = attest("prove", snapshot, "--account", "hanako@example.jp")
    assert (unbound.code, "statement.json" in unbound.err) == (4, True)


def test_a_check_shows_the_ledger_that_it_read_and_refuses_that_of_another_month(
    attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    write_exchange(tmp_path / "x")
    config, private = tmp_path / "x" / "attest.toml", tmp_path / "2026-10"
    config.write_text(config.read_text(encoding="utf-8").replace("ledger.csv", "ledger-{period}.csv"), encoding="utf-8")
    for period in ("2026-09", "2026-10"):
        shutil.copy(tmp_path / "x" / "ledger.csv", tmp_path / "x" / f"ledger-{period}.csv")
    shutil.copytree(exchange.outcome.private, private)
    check = ("liabilities", "check", private, config, "--period")
    assert "read from ledger-2026-10.csv  SHA-256" in attest(*check, "2026-10").out
    for snapshot in (private, private / "liabilities"):
        ran = attest("liabilities", "check", snapshot, config, "--period", "2026-09")
        assert (ran.code, "statement.json is of 2026-10, not of 2026-09" in ran.err) == (3, True)
    (private / "statement.json").unlink()
    (read,) = attest(*check, "2026-09", "--json").document["inputs"]
    assert read["name"] == "ledger-2026-09.csv"


def test_an_auditor_builds_the_trees_of_a_statement_again_from_its_ledger(attest: Any, tmp_path: Path) -> None:
    made = make_exchange(tmp_path / "x")
    secret = made.outcome.private / "liabilities" / "secret"
    verify = ("verify", made.outcome.bundle, "--key", made.folder / "keys" / "exchange.pem.pub")
    both = (*verify, "--ledger", made.folder / "attest.toml", "--secret", secret)
    ran = attest(*both)
    assert (ran.code, "10   VERIFIED      inclusion proof" in ran.out) == (0, True)
    ledger = made.folder / "ledger.csv"
    rows = ledger.read_text(encoding="utf-8")
    ledger.write_text(rows.replace("hanako@example.jp,BTC,1.25", "hanako@example.jp,BTC,1.24"), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    ran = attest(*both, "--json")
    step = ran.document["steps"][-1]
    assert (ran.code, step["number"], step["status"]) == (1, 10, "FAILED")
    assert (ran.document["error"]["code"], "another tree of BTC: root " in step["detail"]) == ("ledger/tree", True)
    ledger.write_text(rows.replace("hanako@example.jp,BTC,1.25", "hanako@example.jp,BTC,1,25"), encoding="utf-8")
    assert attest(*both).code == 3
    ledger.unlink()
    ran = attest(*both, "--json")
    assert [(step["status"], step["detail"]) for step in ran.document["steps"] if step["number"] == 10] == [
        ("NOT CHECKED", f"cannot read the ledger {ledger}: No such file or directory")
    ]
    ledger.write_text(rows, encoding="utf-8")
    secret.write_text("00" * 32)
    assert attest(*both).code == 1
    secret.write_text("00" * 31)
    assert (attest(*both).code, attest(*both[:-2]).code, attest(*verify, "--secret", secret).code) == (3, 2, 2)
    assert sorted(tmp_path.rglob("*")) == before


def test_proofs_of_everyone_come_in_shards(attest: Any, exchange: Exchange, tmp_path: Path) -> None:
    ran = attest("prove", exchange.outcome.private, "--all", "--out", tmp_path / "proofs", "--json")
    assert (ran.code, ran.document["written"]) == (0, 998)
    again = attest("prove", exchange.outcome.private, "--all", "--out", tmp_path / "proofs")
    assert (again.code, again.out) == (0, f"all proofs are there already  {tmp_path / 'proofs'}\n")
    for arguments in (["--all"], [], ["--all", "--account", "x", "--out", "y"]):
        assert attest("prove", exchange.outcome.private, *arguments).code == 2
