from __future__ import annotations

import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from attest.attestation.bundle import parse_bundle
from attest.attestation.statement import Statement
from attest.canonical import dumps
from attest.cli.render.segregation import segregation_document, segregation_table
from attest.demo.plan import load_plan
from attest.errors import UnavailableError, VerificationError
from attest.exchange.policies import PolicyFile, verdicts
from attest.policy.rulesets import parse_policy
from attest.signing.keys import Signer
from attest.verification.anchors import Anchors, Known, Sources
from attest.verification.control.recheck import Controlled
from attest.verification.segregation import segregation
from attest.verification.steps import TITLES, Step, StepOutcome
from attest.verification.verify import verify
from tests.conftest import NOW, Exchange, signed_bundle
from tests.world.ceremony import fingerprints, root, signer
from tests.world.forger import fitting_figures


def test_everything_that_can_be_checked_is_verified_and_the_rest_is_said_not_to_be(exchange: Exchange) -> None:
    verified = exchange.verify(known=Known(proof=exchange.proof()))
    assert [step.number for step in verified.steps] == list(range(len(TITLES)))
    assert {step.number for step in verified.steps if step.status == "NOT CHECKED"} == {1, 6, 12, 13}
    assert {step.number for step in verified.steps if step.status == "VERIFIED"} == {
        0,
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        10,
        11,
        14,
        15,
    }
    assert not verified.adverse
    assert dict(verified.holdings) == {
        "BTC": 125000000,
        "ETH": 10 * 10**18,
        "DUSD": 2_500_500_000,
        "JPY": 300_000,
    }


# What is in each step's sentence when everything is at hand, and when nothing is.
SAID: dict[int, tuple[str, str]] = {
    0: ("bundle of 12,833 bytes", "bundle of 12,833 bytes"),
    1: ("no trust root was given; the key you named is trusted by itself",) * 2,
    2: ("1 of a trusted key, 0 of unknown keys",) * 2,
    3: ("exchange 1 of 1",) * 2,
    4: ("urn:attest-por:proof-of-reserves:v1",) * 2,
    6: ("the bundle carries no timestamp",) * 2,
    7: ("the first statement of its chain",) * 2,
    8: ("4 assets, 10 lines of reserves",) * 2,
    9: (
        "33 of 34 records of evidence lead to the root",
        (
            "0 of 34 records of evidence lead to the root; not beside the bundle: "
            "evidence-public.jsonl, policy-jp-psa-in-force.toml, policy-jp-reserve-draft.toml"
        ),
    ),
    10: ("account hanako@example.jp is in the totals of 4 assets", "no inclusion proof was given"),
    11: (
        (
            "10 of 10 balances recomputed from their evidence; 2 of 2 bank documents named by digest; "
            "of 14 declarations, 11 signed forms named by digest and 3 figures recomputed; "
            "2 of 2 contracts and price lists named by digest"
        ),
        (
            "0 of 10 balances recomputed from their evidence; 0 of 2 bank documents named by digest; "
            "of 14 declarations, 0 signed forms named by digest and 0 figures recomputed; "
            "0 of 2 contracts and price lists named by digest; "
            "none of the 34 records is available here"
        ),
    ),
    12: ("no node was asked",) * 2,
    13: ("the evidence holds no proof of control",) * 2,
    14: (
        (
            "jp-psa-in-force (in force): 6 MET, 1 NOT APPLICABLE; "
            "jp-reserve-draft (not law: an example of attest): 1 MET, 2 NOT APPLICABLE"
        ),
        (
            "jp-psa-in-force (in force): 6 MET (not checked), 1 NOT APPLICABLE; "
            "jp-reserve-draft (not law: an example of attest): 1 MET (not checked), 2 NOT APPLICABLE"
        ),
    ),
    15: ("issued 2026-11-02T03:10:00Z, expires 2026-12-17T03:10:00Z",) * 2,
}


@pytest.mark.parametrize("at_hand", [True, False])
def test_each_step_says_what_it_found(exchange: Exchange, *, at_hand: bool) -> None:
    told: list[Step] = []
    sources, known = (None, Known(proof=exchange.proof())) if at_hand else (Sources(), Known())
    verified = exchange.verify(sources=sources, known=known, tell=told.append)
    assert tuple(told) == verified.steps
    said = {step.number: step.detail for step in told}
    assert said.pop(5) == f"statement {verified.digest.hex()}"
    assert verified.digest == sha256(exchange.payload).digest()
    assert said == {number: texts[not at_hand] for number, texts in SAID.items()}
    assert [step.title for step in told] == list(TITLES.values())


def test_one_key_is_enough_where_the_caller_says_no_more(exchange: Exchange) -> None:
    verify(exchange.bundle, Anchors.keys([exchange.signer.public]), now=NOW, sources=Sources(exchange.files.get))


def test_a_figure_is_rechecked_where_all_behind_it_was_recomputed(exchange: Exchange) -> None:
    whole, nothing = exchange.verify(), exchange.verify(sources=Sources())
    found = {item.asset: [level for level in item.held if whole.is_rechecked(item, level)] for item in whole.coverage}
    assert found == {"BTC": ["agreed"], "DUSD": ["proven"], "ETH": ["proven"], "JPY": []}
    assert not any(nothing.is_rechecked(item, level) for item in nothing.coverage for level in item.held)
    assert not any(whole.is_rechecked(item, "single") for item in whole.coverage)


def test_a_later_statement_names_the_one_before_it_which_was_not_given(exchange: Exchange) -> None:
    change = {"sequence": 3, "previous": "ab" * 32}
    verified = exchange.verify(exchange.resigned(lambda value: value["predicate"].update(change)))
    left = f"statement 3 follows {'ab' * 32}, which was not given"
    assert verified.step("previous") == Step("previous", "NOT CHECKED", (left,))


def test_what_was_not_handed_over_is_not_checked(exchange: Exchange) -> None:
    statuses = {step.number: step.status for step in exchange.verify(sources=Sources()).steps}
    assert exchange.verify().holdings == ()
    assert (statuses[9], statuses[10], statuses[11]) == ("NOT CHECKED",) * 3


def test_a_file_that_is_missing_hides_no_other_that_was_changed(exchange: Exchange) -> None:
    first, *others = sorted(exchange.files.keys() - {exchange.outcome.bundle.name})
    changed = {name: exchange.files[name] + b" " for name in others}
    assert exchange.failing_step(sources=Sources(changed.get)) == (9, "subject/digest")
    one_away = exchange.verify(sources=Sources({name: exchange.files[name] for name in (first, others[-1])}.get))
    assert one_away.step("files").status == "NOT CHECKED"
    assert one_away.step("files").detail.endswith(f"lead to the root; not beside the bundle: {others[0]}")


def test_withheld_records_leave_the_recheck_unfinished(exchange: Exchange) -> None:
    lines = exchange.files["evidence-public.jsonl"].splitlines(keepends=True)
    withheld = b"".join(line for line in lines if b'"wallet":"btc-hot"' not in line)

    def withhold(value: Any) -> None:
        value["subject"][0]["digest"]["sha256"] = sha256(withheld).hexdigest()

    verified = exchange.verify(exchange.resigned(withhold), sources=Sources({"evidence-public.jsonl": withheld}.get))
    (step,) = [step for step in verified.steps if step.number == 11]
    assert step.status == "NOT CHECKED"
    assert "9 of 10 balances" in step.detail


def test_the_auditors_edition_is_used_where_it_is_at_hand(exchange: Exchange) -> None:
    auditor = (exchange.outcome.private / "evidence.jsonl").read_bytes()
    verified = exchange.verify(sources=Sources((exchange.files | {"evidence.jsonl": auditor}).get))
    (step,) = [step for step in verified.steps if step.number == 9]
    assert "34 of 34 records" in step.detail


def test_an_expired_statement_is_verified_but_not_met(exchange: Exchange) -> None:
    late = exchange.verify(now=NOW + timedelta(days=46))
    assert late.step("freshness").status == "NOT MET"
    assert late.adverse
    assert late.step("freshness").detail == "at 2026-12-18T03:10:00Z the statement expired"
    early = exchange.verify(now=NOW - timedelta(seconds=1)).step("freshness")
    assert early == Step("freshness", "NOT MET", ("at 2026-11-02T03:09:59Z the statement is not yet issued",))
    last = NOW + timedelta(days=45)
    assert exchange.verify(now=last - timedelta(seconds=1)).step("freshness").status == "VERIFIED"
    assert exchange.verify(now=last).step("freshness").detail == "at 2026-12-17T03:10:00Z the statement expired"


def test_a_shortfall_is_verified_and_adverse(exchange: Exchange) -> None:
    def shrink(value: Any) -> None:
        value["predicate"]["money"][0]["amount"] = "1"

    verified = exchange.verify(exchange.resigned(shrink), sources=Sources())
    assert verified.adverse
    assert [item.asset for item in verified.coverage if not item.met] == ["JPY"]
    assert verified.step("policy").status == "NOT MET"
    assert (
        "jp-psa-in-force (in force): 4 MET (not checked), 2 NOT MET, 1 NOT APPLICABLE" in verified.step("policy").detail
    )
    assert [item.policy.id for item in verified.evaluations] == ["jp-psa-in-force", "jp-reserve-draft"]

    def without_policies(value: Any) -> None:
        value["predicate"]["policies"] = []

    verified = exchange.verify(exchange.resigned(without_policies))
    assert verified.step("policy") == Step("policy", "NOT CHECKED", ("the statement evaluates no policy",))
    assert verified.evaluations == ()


def test_a_surplus_in_one_asset_does_not_offset_a_shortfall_in_another(exchange: Exchange) -> None:
    def shift(value: Any) -> None:
        for line in value["predicate"]["reserves"]:
            if line["purpose"] == "customer":
                line["amount"] = line["amount"] + "000" if line["asset"] == "BTC" else "1"
        fitting_figures(value["predicate"])

    verified = exchange.verify(exchange.resigned(shift), sources=Sources())
    assert {item.asset: item.met for item in verified.coverage} == {
        "BTC": True,
        "ETH": False,
        "DUSD": False,
        "JPY": True,
    }


def test_guarantee_and_compensation_coins_do_not_cover_customers(exchange: Exchange) -> None:
    def repurpose(value: Any) -> None:
        for line in value["predicate"]["reserves"]:
            if line["asset"] == "BTC" and line["purpose"] == "customer":
                line["amount"] = "1"
        fitting_figures(value["predicate"])

    verified = exchange.verify(exchange.resigned(repurpose), sources=Sources())
    (btc,) = [item for item in verified.coverage if item.asset == "BTC"]
    assert btc.held_total == 2


def set_path(value: Any, path: str, new: Any) -> None:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        value = value[part]
    value[last] = new


CONTRADICTIONS = {
    "assets out of order": lambda p: p["assets"].reverse(),
    "an asset twice": lambda p: p["assets"].insert(0, p["assets"][0]),
    "trees out of order": lambda p: p["liabilities"]["trees"].reverse(),
    "a tree twice": lambda p: p["liabilities"]["trees"].insert(0, p["liabilities"]["trees"][0]),
    "a tree without an asset": lambda p: p["assets"].pop(0),
    "reserves out of order": lambda p: p["reserves"].reverse(),
    "a line of reserves twice": lambda p: p["reserves"].insert(0, p["reserves"][0]),
    "reserves on an unknown chain": lambda p: p["chains"].pop(),
    "chains out of order": lambda p: p["chains"].reverse(),
    "a block from the future": lambda p: set_path(p, "chains.0.time", "2027-01-01T00:00:00Z"),
    "issued before the snapshot": lambda p: p.update(issuedAt="2026-10-01T00:00:00Z"),
    "expired when issued": lambda p: p.update(expiresAt=p["issuedAt"]),
    "a tree of no leaves that owes": lambda p: set_path(p, "liabilities.trees.0.size", 0),
    "negative accounts without a sum": lambda p: set_path(p, "liabilities.trees.0.negativeAccounts", 3),
    "one bank document behind two lines": lambda p: p["money"].append(p["money"][0]),
    "reserves beyond 128 bits": lambda p: [line.update(amount=str(2**128 - 1)) for line in p["reserves"]],
    "money in an unknown currency": lambda p: set_path(p, "money.0.currency", "USD"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_statement_that_contradicts_itself_fails_whoever_signed_it(case: str, exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: CONTRADICTIONS[case](value["predicate"]))
    assert exchange.failing_step(bundle, sources=Sources()) == (8, "statement/arithmetic")


@pytest.mark.parametrize(("sequence", "previous"), [(1, None), (0, "ab" * 32)])
def test_only_the_first_statement_has_no_previous_one(sequence: int, previous: Any, exchange: Exchange) -> None:
    bundle = exchange.resigned(lambda value: value["predicate"].update(sequence=sequence, previous=previous))
    assert exchange.failing_step(bundle) == (7, "statement/sequence")


MALFORMED = {
    "an unknown field": lambda s: s["predicate"].update(coverage="101 %"),
    "an unknown field deep down": lambda s: s["predicate"]["reserves"][0].update(note="x"),
    "a field missing": lambda s: s["predicate"].pop("scope"),
    "an amount as a number": lambda s: s["predicate"]["reserves"][0].update(amount=5),
    "a negative amount": lambda s: s["predicate"]["reserves"][0].update(amount="-5"),
    "an over-long amount": lambda s: s["predicate"]["reserves"][0].update(amount="1" * 40),
    "an amount of 2^128": lambda s: s["predicate"]["reserves"][0].update(amount=str(2**128)),
    "a month 13": lambda s: s["predicate"].update(period="2026-13"),
    "an unknown scheme": lambda s: s["predicate"]["liabilities"].update(scheme="merkle-sum-md5/v1"),
    "a policy this version cannot recompute": lambda s: s["predicate"]["policies"].append({"id": "x"}),
    "a subject outside the folder": lambda s: s["subject"][0].update(name="../evidence-public.jsonl"),
    "an upper-case digest": lambda s: s["subject"][0]["digest"].update(
        sha256=s["subject"][0]["digest"]["sha256"].upper().replace("0", "A")
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_statement_is_refused_at_the_strict_parse(case: str, exchange: Exchange) -> None:
    assert exchange.failing_step(exchange.resigned(MALFORMED[case])) == (5, "document/invalid")


def test_other_spellings_of_the_statement_are_refused(exchange: Exchange) -> None:

    pretty = json.dumps(json.loads(exchange.payload), indent=1).encode()
    assert exchange.failing_step(signed_bundle(pretty, exchange.signer)) == (5, "document/not-canonical")


@pytest.mark.parametrize(
    "change",
    [
        {"predicateType": "urn:attest-por:proof-of-reserves:v2"},
        {"predicateType": "urn:attest-por:auditor-report:v1"},
        {"predicateType": None},
        {"_type": "https://in-toto.io/Statement/v0.1"},
    ],
)
def test_another_predicate_is_refused_before_it_is_read(change: dict[str, Any], exchange: Exchange) -> None:
    assert exchange.failing_step(exchange.resigned(lambda value: value.update(change))) == (4, "statement/type")


def test_a_key_that_did_not_sign_is_a_missed_threshold(exchange: Exchange) -> None:
    stranger = Signer.generate("ed25519").public
    assert exchange.failing_step(anchors=Anchors.keys([stranger])) == (3, "signature/threshold")


def test_no_keys_or_no_threshold_is_a_mistake_of_the_caller_and_never_a_pass(exchange: Exchange) -> None:
    key = exchange.signer.public
    for keys, threshold in (([], 0), ([], 1), ([key], 0), ([key, key], 2)):
        with pytest.raises(ValueError, match="threshold"):
            exchange.verify(anchors=Anchors.keys(keys, threshold=threshold))


def test_the_verified_bytes_are_the_ones_returned(exchange: Exchange) -> None:
    verified = exchange.verify()
    assert verified.statement.to_bytes() == exchange.payload
    assert dumps(verified.statement.to_value()) == exchange.payload
    assert isinstance(verified.statement.predicate.issued_at, datetime)


def test_verification_error_is_what_a_failed_step_raises(exchange: Exchange) -> None:
    with pytest.raises(VerificationError):
        exchange.verify(anchors=Anchors.keys([Signer.generate("ed25519").public]))


def test_where_the_customers_coins_are_kept_is_what_was_funded(exchange: Exchange) -> None:
    plan = load_plan()
    funded: dict[tuple[str, str, str], int] = {}
    for wallet in plan.bitcoin.wallets:
        key = ("BTC", wallet.purpose, wallet.storage)
        funded[key] = funded.get(key, 0) + wallet.amount
    for account in plan.ethereum.wallets:
        for asset, amount in (("ETH", account.eth), ("DUSD", account.dusd)):
            key = (asset, account.purpose, account.storage)
            funded[key] = funded.get(key, 0) + amount
    found = {item.asset: item for item in segregation(exchange.verify().statement.predicate)}
    assert found.keys() == {"BTC", "DUSD", "ETH"}
    for asset, item in found.items():
        assert (item.cold, item.hot, item.other) == (
            funded[asset, "customer", "cold"],
            funded[asset, "customer", "hot"],
            0,
        )
        assert item.guarantee == funded[asset, "guarantee", "cold"]
        assert item.matched


def test_hot_coins_without_as_many_guarantee_coins_are_told(exchange: Exchange) -> None:
    def move(value: Any) -> None:
        for line in value["predicate"]["reserves"]:
            if (line["asset"], line["purpose"]) == ("BTC", "guarantee"):
                line["amount"] = "1249999999"

    verified = exchange.verify(exchange.resigned(move), sources=Sources())
    found = {item.asset: item for item in segregation(verified.statement.predicate)}
    assert (found["BTC"].matched, found["ETH"].matched) == (False, True)
    (row,) = [line for line in segregation_table(verified).splitlines() if "BTC" in line and "matched" in line]
    assert "NOT MET" in row
    assert "12.49999999 for 12.50000000 outside cold storage" in row
    verdicts = {item["asset"]: item["verdict"] for item in segregation_document(verified) if "matched" in item["check"]}
    assert verdicts == {"BTC": "NOT MET", "DUSD": "NOT CHECKED", "ETH": "NOT CHECKED"}


def with_own_policy(exchange: Exchange) -> tuple[bytes, dict[str, bytes]]:
    """The bundle and the files of an exchange that evaluates rules that it wrote itself."""
    text = exchange.files["policy-jp-reserve-draft.toml"].replace(b'"jp-reserve-draft"', b'"own"', 1)
    policy = parse_policy(text, "own")

    def change(value: Any) -> None:
        predicate = Statement.from_value(value, what="a statement").predicate
        found = verdicts([PolicyFile("policy-own.toml", text, policy)], predicate)
        value["predicate"]["policies"] = [item.to_value() for item in found]
        digest = {"sha256": sha256(text).hexdigest()}
        value["subject"][1:] = [{"name": "policy-own.toml", "digest": digest}]

    return exchange.resigned(change), exchange.files | {"policy-own.toml": text}


def test_rules_that_the_exchange_wrote_are_called_its_own_and_need_their_file(exchange: Exchange) -> None:
    bundle, files = with_own_policy(exchange)
    step = exchange.verify(bundle, sources=Sources(files.get)).step("policy")
    said = "own (not law: an example of attest, the exchange's own rules): 1 MET, 2 NOT APPLICABLE"
    assert step == Step("policy", "VERIFIED", (said,))
    without = exchange.verify(bundle, sources=Sources(exchange.files.get))
    assert without.step("policy") == Step("policy", "NOT CHECKED", ("the file of own is not beside the bundle",))


def hear_control(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What step 13 is given, in the place of which nothing is found."""
    heard: list[dict[str, Any]] = []

    def hear(*_: Any, **known: Any) -> StepOutcome[None]:
        heard.append(known)
        return StepOutcome(None, ())

    monkeypatch.setattr("attest.verification.verify.check_control", hear)
    return heard


def test_control_is_judged_by_what_the_caller_knows(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = hear_control(monkeypatch)
    vault = Signer.generate("ed25519").public
    exchange.verify(known=Known(nonce=b"\x5a" * 16, custodians={"Vault": vault}))
    exchange.verify()
    own = (exchange.signer.public,)
    assert heard == [
        {"nonce": b"\x5a" * 16, "custodians": {"Vault": vault}, "exchange_keys": own},
        {"nonce": None, "custodians": {}, "exchange_keys": own},
    ]


@pytest.mark.parametrize(
    ("unfinished", "unmet", "status"),
    [((), False, "VERIFIED"), (("one is away",), False, "NOT CHECKED"), (("one is away",), True, "NOT MET")],
)
def test_what_proofs_of_control_show_is_told(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, *, unfinished: tuple[str, ...], unmet: bool, status: str
) -> None:
    plain = exchange.verify()
    assert plain.controlled is None
    assert {row.control for row in plain.wallets if row.purpose != "own"} == {"none"}
    assert len(plain.wallets) == 7
    counted = {index: "signature" for row in plain.wallets for index in row.records}
    found = Controlled(1, frozenset(), 9, (), counted, {}, 0, None, reading_seen=True, contracts=())  # type: ignore[arg-type]
    step = StepOutcome(found, ("one signed", "another too", *unfinished), unfinished, unmet)
    monkeypatch.setattr("attest.verification.verify.check_control", lambda *_, **__: step)
    verified = exchange.verify()
    assert verified.step("control") == Step("control", status, ("one signed", "another too", *unfinished))
    assert verified.controlled is found
    assert verified.adverse == unmet
    assert {row.control for row in verified.wallets if row.purpose != "own"} == {"signature"}


def test_nodes_are_asked_for_the_records_at_hand_and_what_they_leave_is_told(exchange: Exchange) -> None:
    bitcoin, ethereum = (pin.chain for pin in exchange.verify().statement.predicate.chains)
    heard: list[Any] = []

    def ask(predicate: Any, records: Any) -> list[tuple[str, str, int]]:
        heard.append((predicate, len(records)))
        return [(ethereum, "mine", 6)]

    verified = exchange.verify(sources=Sources(exchange.files.get, ask=ask))
    assert heard == [(verified.statement.predicate, 33)]
    said = "the node mine has the pinned block, and says the same of 6 balances"
    assert verified.step("nodes") == Step("nodes", "NOT CHECKED", (said, f"no node was asked about {bitcoin}"))
    both = exchange.verify(
        sources=Sources(exchange.files.get, ask=lambda *_: [(ethereum, "mine", 6), (bitcoin, "other", 4)])
    )
    assert both.step("nodes") == Step("nodes", "VERIFIED", (said, said.replace("mine", "other").replace("6", "4")))
    none = exchange.verify(sources=Sources(exchange.files.get, ask=lambda *_: []))
    assert none.steps[12] == Step("nodes", "NOT CHECKED", (f"no node was asked about {bitcoin}, {ethereum}",))


def test_a_node_that_does_not_answer_is_told_of_and_fails_nothing(exchange: Exchange) -> None:
    def ask(*_: Any) -> Any:
        raise UnavailableError("node/unreachable", "the node mine does not answer")

    assert exchange.verify(sources=Sources(exchange.files.get, ask=ask)).step("nodes") == Step(
        "nodes", "NOT CHECKED", ("the node mine does not answer",)
    )


def test_trees_that_are_built_again_are_of_the_statements_month_and_of_all_its_assets(exchange: Exchange) -> None:
    trees = exchange.verify().statement.predicate.liabilities.trees
    periods: list[str] = []

    def rebuild(period: str) -> Any:
        periods.append(period)
        return trees

    said = "the ledger leads to the trees of all 4 assets"
    found = exchange.verify(sources=Sources(exchange.files.get, rebuild=rebuild)).step("inclusion")
    assert found == Step("inclusion", "VERIFIED", (said,))
    both = exchange.verify(sources=Sources(exchange.files.get, rebuild=rebuild), known=Known(proof=exchange.proof()))
    assert both.step("inclusion").status == "VERIFIED"
    assert both.step("inclusion").detail.startswith(f"{said}; account ")
    assert (len(both.holdings), periods) == (4, ["2026-10", "2026-10"])
    assert exchange.failing_step(sources=Sources(exchange.files.get, rebuild=lambda _: trees[1:])) == (
        10,
        "ledger/tree",
    )
    assert exchange.failing_step(
        sources=Sources(exchange.files.get, rebuild=lambda _: trees[1:]), known=Known(proof=exchange.proof())
    ) == (10, "ledger/tree")


def test_a_ledger_that_cannot_be_reached_leaves_open_what_a_proof_shows_of_one_account(exchange: Exchange) -> None:
    def rebuild(_: str) -> Any:
        raise UnavailableError("ledger/unreachable", "the ledger does not answer")

    assert exchange.verify(sources=Sources(exchange.files.get, rebuild=rebuild)).step("inclusion") == Step(
        "inclusion", "NOT CHECKED", ("the ledger does not answer",)
    )
    both = exchange.verify(sources=Sources(exchange.files.get, rebuild=rebuild), known=Known(proof=exchange.proof()))
    assert both.step("inclusion").status == "NOT CHECKED"
    assert len(both.holdings) == 4


def test_a_month_follows_the_one_that_is_given(exchange: Exchange) -> None:
    fields = {
        "period": "2026-09",
        "snapshotAt": "2026-09-30T15:00:00Z",
        "issuedAt": "2026-11-01T00:00:00Z",
        "policies": [],
    }
    before = exchange.resigned(lambda value: value["predicate"].update(fields))
    digest = sha256(parse_bundle(before).envelope.payload).hexdigest()
    later = exchange.resigned(lambda value: value["predicate"].update(sequence=1, previous=digest))
    assert exchange.verify(later, known=Known(previous=before)).step("previous") == Step(
        "previous",
        "VERIFIED",
        ("statement 1 follows statement 0 of 2026-09, whose own signatures are for `attest history check`",),
    )
    assert exchange.failing_step(later, known=Known(previous=exchange.bundle))[0] == 7


def test_a_custodian_is_neither_a_root_nor_an_exchange_key_of_the_trust_root(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = hear_control(monkeypatch)
    times = {"issuedAt": "2026-10-01T00:00:00Z", "expiresAt": "2027-10-01T00:00:00Z"}
    pinned = root(1, {"root": ("ab", 2), "exchange": ("xy", 1), "auditor": ("u", 1)}, "ab", **times)
    bundle = signed_bundle(exchange.payload, signer("x"))
    exchange.verify(bundle, anchors=Anchors.pinned(pinned, roles=("exchange",)))
    assert {key.fingerprint for key in heard[0]["exchange_keys"]} == fingerprints("abxy")


@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_no_other_payload_type_is_read_however_it_sorts(kind: str, exchange: Exchange) -> None:
    assert exchange.failing_step(signed_bundle(exchange.payload, exchange.signer, kind)) == (4, "statement/type")


def test_of_two_keys_one_or_both_may_be_asked_for(exchange: Exchange) -> None:
    two = [exchange.signer.public, signer("x").public]
    assert exchange.verify(anchors=Anchors.keys(two)).step("thresholds").status == "VERIFIED"
    assert exchange.failing_step(anchors=Anchors.keys(two, threshold=2)) == (3, "signature/threshold")


def test_a_file_beside_the_bundle_that_is_no_evidence_is_not_read_as_such(exchange: Exchange) -> None:
    def add(value: Any) -> None:
        value["subject"].insert(
            0, {"name": "a-letter.txt", "digest": {"sha256": sha256(b"dear customers").hexdigest()}}
        )

    files = {**exchange.files, "a-letter.txt": b"dear customers"}
    assert exchange.verify(exchange.resigned(add), sources=Sources(files.get)).step("files").status == "VERIFIED"
