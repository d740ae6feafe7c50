"""What a customer reads: the headline of each case, what is typed and compared, and the words of both languages."""

from __future__ import annotations

import json
import re
from base64 import b32encode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.documents import parse_time
from attest.signing.keys import PublicKey
from tests.conftest import FIXTURES
from tests.web.page import HERE, node

CORPUS = FIXTURES / "corpus" / "v1"
PACKS = FIXTURES / "corpus" / "v4"
AT = "2026-11-25T00:00:00Z"
MONTH, PROOF, ROOT, KEY = "trust-root.attest.json", "hanako.proof.json", "1.root.json", "exchange.pub"
EVIDENCE = "9a75787121238916-evidence-public.jsonl"
POLICIES = ("6b5f46aa3d76e008-policy-jp-psa-in-force.toml", "c7aa4a07f4a404e6-policy-jp-reserve-draft.toml")
ALL = (MONTH, PROOF, ROOT, EVIDENCE, *POLICIES)


def wide(text: str) -> str:
    """The full-width forms of digits and marks, as a Japanese keyboard gives them."""
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


class Looked:
    """The page's values in node, asked by the name of an exported function."""

    def __init__(self, folder: Path) -> None:
        self.module = folder / "look.mjs"
        node("build.mjs", "--bundle", HERE / "look.ts", "--format", "esm", "--out", self.module)

    def ask(self, function: str, calls: list[list[Any]]) -> list[Any]:
        """What `function` returns for each of the arguments in `calls`."""
        asked = self.module.with_name("asked.json")
        asked.write_text(json.dumps(calls), encoding="utf-8")
        program = (
            f"import {{ readFileSync }} from 'node:fs'; import * as page from {json.dumps(self.module.as_uri())};"
            f"const calls = JSON.parse(readFileSync({json.dumps(str(asked))}, 'utf8'));"
            f"console.log(JSON.stringify(calls.map((one) => page[{json.dumps(function)}](...one))));"
        )
        answer: list[Any] = json.loads(node("--input-type=module", "-e", program).stdout)
        return answer

    def look(self, *files: str, folder: Path = CORPUS, **more: Any) -> dict[str, Any]:
        """The screen after these files of the corpus were given."""
        given = [(name, _base64((folder / name).read_bytes())) for name in files]
        return self.look_at(given, **more)

    def look_at(self, files: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
        """The screen after files were given by name and base64."""
        at = int(parse_time(more.pop("at", AT)).timestamp())
        usual: dict[str, Any] = {"embedded": None, "chosen": None, "expected": {}, "pointer": "", "lang": "en"}
        (answer,) = self.ask("look", [[{**usual, "files": files, "at": at, **more}]])
        assert isinstance(answer, dict)
        return answer


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return Looked(tmp_path_factory.mktemp("look"))


def test_a_month_that_holds_is_verified_and_says_how_far(page: Looked) -> None:
    seen = page.look(*ALL)
    assert (seen["status"], seen["tone"], seen["act"], seen["also"]) == ("VERIFIED", "good", None, [])
    assert seen["signers"] == ["Exchange: 2 of 3 keys signed; 2 must", "Auditor: 1 of 1 key signed; 1 must"]
    assert seen["owed"] == ["1.25000000 BTC", "2,500.500000 DUSD", "10.000000000000000000 ETH", "300,000 JPY"]
    assert seen["coverage"][0] == "BTC 101.33\u00a0% MET"
    assert any("of 16 steps were not checked" in line for line in seen["lines"])


def test_without_files_beside_the_month_coverage_is_told_as_not_checked(page: Looked) -> None:
    seen = page.look(MONTH, PROOF, ROOT)
    assert all(line.endswith("MET (not checked)") for line in seen["coverage"])
    assert any(line.startswith("There is no evidence here to check the reserves against") for line in seen["lines"])


@pytest.mark.parametrize(
    ("files", "more", "status", "title"),
    [
        ((), {}, None, "Nothing has been checked yet"),
        ((PROOF,), {}, None, "The attestation is still missing"),
        ((MONTH, ROOT, EVIDENCE), {}, "NOT CHECKED", "The month was checked, but not your own balance"),
        ((MONTH, PROOF, EVIDENCE), {}, "NOT CHECKED", "It is not known who signed this"),
        (
            ("one-key.attest.json", KEY, "less.proof.json"),
            {},
            "FAILED",
            "Your proof does not show that your balance is in the total",
        ),
        (("changed-byte.attest.json", KEY, PROOF), {}, "FAILED", "A signature is not genuine"),
        (("auditor-did-not-sign.attest.json", ROOT), {}, "FAILED", "Too few of those who must sign have signed"),
        (
            ("one-key.attest.json", KEY, PROOF),
            {"at": "2027-06-01T00:00:00Z"},
            "NOT MET",
            "This statement expired on 17 December 2026",
        ),
        (
            ("one-key.attest.json", KEY, PROOF),
            {"at": "2026-11-01T00:00:00Z"},
            "NOT MET",
            "This statement is dated in the future",
        ),
        (ALL, {"expected": {"BTC": "1.5"}}, "NOT MET", "Your balance is included, but it is less than you expect: BTC"),
        (ALL, {"expected": {"BTC": "1"}}, "NOT MET", "Your balance is included, but it is not what you expect: BTC"),
        (ALL, {"expected": {"BTC": "1.25", "JPY": wide("300,000")}}, "VERIFIED", "Your balance is included"),
        (ALL, {"pointer": "0" * 64}, "FAILED", "This is not the statement that you compared it with"),
        (ALL, {"pointer": f"ATTEST1:2026-09:{'A' * 51}A"}, "VERIFIED", "Your balance is included"),
    ],
)
def test_one_headline_says_what_matters_most(
    page: Looked, files: tuple[str, ...], more: dict[str, Any], status: str | None, title: str
) -> None:
    seen = page.look(*files, **more)
    assert seen["status"] == status
    assert seen["title"].startswith(title)


def test_nothing_is_green_while_it_is_not_known_who_signed_or_something_failed(page: Looked) -> None:
    for files in [(MONTH, PROOF, EVIDENCE), ("balance-in-the-statement-forged.attest.json", KEY, PROOF, EVIDENCE)]:
        seen = page.look(*files)
        assert seen["tone"] != "good"
    unknown = page.look(MONTH, PROOF, EVIDENCE)
    assert unknown["green"] == 0
    assert [unknown["steps"][number] for number in (1, 2, 3, 6)] == ["NOT CHECKED"] * 4
    assert unknown["act"] == "root"


def test_files_are_known_by_what_stands_in_them_and_in_any_order(page: Looked) -> None:
    wanted = page.look(*ALL)
    files = [(f"{i}.bin", _base64((CORPUS / name).read_bytes())) for i, name in enumerate(ALL)]
    for order in (files[::-1], files[3:] + files[:3]):
        seen = page.look_at(order)
        assert (seen["title"], seen["lines"], seen["steps"]) == (wanted["title"], wanted["lines"], wanted["steps"])
    assert sorted(wanted["uses"]) == sorted(["bundle", "proof", "root", "subject", "subject", "subject"])


def test_a_trust_root_in_the_page_serves_and_a_stranger_is_not_taken_for_it(page: Looked) -> None:
    embedded = _base64((CORPUS / ROOT).read_bytes())
    assert page.look(*(set(ALL) - {ROOT}), embedded=embedded)["status"] == "VERIFIED"
    later = page.look(MONTH, PROOF, "2.root.json", embedded=embedded)
    assert "laterRoot" in later["uses"]
    older = page.look(MONTH, PROOF, ROOT, embedded=_base64((CORPUS / "2.root.json").read_bytes()))
    assert older["remarks"] == ["otherRoot"]
    assert older["status"] == "FAILED"
    assert (
        page.look(MONTH, PROOF, ROOT, embedded=_base64((CORPUS / "2.root.json").read_bytes()), chosen=2)["status"]
        == "VERIFIED"
    )


def test_a_pack_is_the_files_in_it(page: Looked) -> None:
    pack = ("pack.bin", _base64((PACKS / "pack-alone.pack.json").read_bytes()))
    key = ("key", _base64((PACKS / KEY).read_bytes()))
    assert page.look_at([pack, key])["status"] == "VERIFIED"


def test_a_proof_of_another_statement_fails_nothing(page: Looked) -> None:
    seen = page.look("proof-of-another-statement.attest.json", KEY, PROOF)
    assert seen["remarks"] == ["otherStatement"]
    assert (seen["status"], seen["title"]) == ("NOT CHECKED", "Your proof belongs to another statement")
    assert seen["error"] is None


def test_what_is_not_known_or_damaged_is_said(page: Looked) -> None:
    text = (CORPUS / PROOF).read_text(encoding="utf-8")
    seen = page.look_at(
        [
            ("a", _base64((CORPUS / MONTH).read_bytes())),
            ("b", _base64(text[:-40].encode())),
            ("c", _base64(b"hello")),
            ("d", _base64(b"-----BEGIN PRIVATE KEY-----\n")),
            ("e", _base64((CORPUS / MONTH).read_bytes()[:-2])),
        ]
    )
    assert sorted(seen["remarks"]) == ["damaged", "privateKey", "twoBundles", "unknown"]
    assert seen["status"] == "FAILED"


KINDS = {
    "": "other",
    "{": "other",
    '{"a": 1}': "other",
    '{"format": "attest/bundle/v1"}': "bundle",
    '{"format": "attest/bundle/v1", "x": ': "bundle",
    '{"format": "attest/inclusion-proof/v1"}': "damaged",
    '{"format": "attest/pack/v1"}': "damaged",
    '{"payloadType": "application/vnd.attest.trust-root+json"}': "damaged",
    '{"_type": "x", "predicateType": "y"}': "unsigned statement",
    '{"salt": "00", "type": "money"}': "evidence",
    '{"salt": "00", "type": "money"}\n{"salt": "00", "type": "nodes"}\n': "evidence",
    '{"index": 0, "path": [], "record": {}}\n': "other",
    "-----BEGIN PUBLIC KEY-----": "damaged",
    "-----BEGIN EC PRIVATE KEY-----": "private key",
}


def test_kinds_of_files(page: Looked) -> None:
    assert page.ask("value", [["recognised", [text]] for text in KINDS]) == list(KINDS.values())


TYPED = {
    ("1.25", "BTC", "8"): "125000000",
    ("1.25000000000", "BTC", "8"): "125000000",
    (wide("1.25"), "BTC", "8"): "125000000",
    ("1,234,567.5 BTC", "BTC", "8"): "123456750000000",
    (wide("12,345"), "JPY", "0"): "12345",
    ("¥12,345", "JPY", "0"): "12345",
    ("12,345円", "JPY", "0"): "12345",
    ("1 234 567", "JPY", "0"): "1234567",
    ("1'234'567.5", "ETH", "18"): "1234567500000000000000000",
    ("0", "JPY", "0"): "0",
    ("1.", "BTC", "8"): "100000000",
    ("", "BTC", "8"): "none",
    ("　", "BTC", "8"): "none",
    ("1,25", "BTC", "8"): "unreadable",
    ("1,2345", "BTC", "8"): "unreadable",
    ("1,234 567", "BTC", "8"): "unreadable",
    ("1.25 ETH", "BTC", "8"): "unreadable",
    (".5", "BTC", "8"): "unreadable",
    ("-1", "BTC", "8"): "unreadable",
    ("1e3", "BTC", "8"): "unreadable",
    ("0x10", "BTC", "8"): "unreadable",
    ("NaN", "BTC", "8"): "unreadable",
    ("9" * 300, "BTC", "8"): "unreadable",
    ("0.5", "JPY", "0"): "too fine",
    ("0.123456789", "BTC", "8"): "too fine",
}


def test_amounts_as_people_type_them(page: Looked) -> None:
    assert page.ask("value", [["typed", list(typed)] for typed in TYPED]) == list(TYPED.values())


SPELLED = {
    ("amount", ("0", "0")): "0",
    ("amount", ("1", "18")): "0.000000000000000001",
    ("amount", ("123456789", "2")): "1,234,567.89",
    ("amount", (str(2**128 - 1), "0")): "340,282,366,920,938,463,463,374,607,431,768,211,455",
    ("amount", ("5", "36")): "0." + "0" * 35 + "5",
    ("percent", ("10133",)): "101.33\u00a0%",
    ("percent", ("7",)): "0.07\u00a0%",
    ("fours", ("0123456789",)): "0123 4567 89",
    ("clipped", ("𠮷" * 10, "4")): "𠮷" * 4 + "…",
    ("clipped", ("𠮷" * 4, "4")): "𠮷" * 4,
    ("clipped", ("x" * 10_000_000, "3")): "xxx…",
}


def test_values_are_spelled_exactly(page: Looked) -> None:
    assert page.ask("value", [[name, list(given)] for name, given in SPELLED]) == list(SPELLED.values())


def test_times_are_named_in_utc_and_where_the_reader_is(page: Looked) -> None:
    at = str(int(parse_time("2026-10-31T15:00:00Z").timestamp()))
    tokyo, english, utc = page.ask(
        "value",
        [["moment", [at, "ja", "Asia/Tokyo"]], ["moment", [at, "en", "Asia/Tokyo"]], ["moment", [at, "en", "UTC"]]],
    )
    assert "2026年10月31日" in tokyo["utc"]
    assert "15:00" in tokyo["utc"]
    assert "UTC" in tokyo["utc"]
    assert "2026年11月1日" in tokyo["local"]
    assert "1 November 2026" in english["local"]
    assert "00:00" in english["local"]
    assert utc["local"] is None


def test_a_fingerprint_is_the_same_words_as_the_command_line_says(page: Looked) -> None:
    key = PublicKey.from_pem((CORPUS / KEY).read_bytes(), what="the key")
    digests = [key.fingerprint, "0" * 64, "f" * 64, *(sha256(bytes([i])).hexdigest() for i in range(50))]
    import wallycore

    wanted = [wallycore.bip39_mnemonic_from_bytes(None, bytes.fromhex(digest)) for digest in digests]
    assert page.ask("value", [["words", [digest]] for digest in digests]) == wanted
    assert wanted[0] == " ".join(key.words)


def test_pointers_are_base32_and_compared_however_they_were_copied(page: Looked) -> None:
    digest = sha256(b"a statement").hexdigest()
    letters = b32encode(bytes.fromhex(digest)).decode().rstrip("=")
    pointer = f"ATTEST1:2026-10:{letters}"
    assert page.ask("value", [["pointer", ["2026-10", digest]]]) == [pointer]
    typed = {
        pointer: "same",
        pointer.lower(): "same",
        f"  {pointer[:30]}\n {pointer[30:]} ": "same",
        digest: "same",
        digest.upper(): "same",
        " ".join(digest[i : i + 4] for i in range(0, 64, 4)): "same",
        "": "none",
        f"ATTEST1:2026-09:{letters}": "other month",
        f"ATTEST1:2026-10:{'A' * 52}": "different",
        f"ATTEST1:2026-10:{letters[:-1]}": "unreadable",
        f"ATTEST1:2026-10:{letters[:-1]}7": "unreadable",
        "f" * 64: "different",
        "hello": "unreadable",
    }
    assert page.ask("value", [["compared", [one, "2026-10", digest]] for one in typed]) == list(typed.values())


def _texts(page: Looked) -> Iterator[tuple[str, str]]:
    for texts in page.ask("texts", [["en"], ["ja"]]):
        yield from texts


def test_no_text_promises_what_nobody_checked(page: Looked) -> None:
    for path, text in _texts(page):
        assert not re.search(r"\baudited\b|solven|\bguaranteed\b|\bsafe\b|監査済|支払能力|安全です|保証され", text), (
            path
        )


def test_japanese_texts_are_japanese_and_end_as_sentences_do(page: Looked) -> None:
    english, japanese = (dict(texts) for texts in page.ask("texts", [["en"], ["ja"]]))
    assert len(japanese) >= 150
    assert {path.split(".", 1)[1].split(".")[0] for path in english} == {
        path.split(".", 1)[1].split(".")[0] for path in japanese
    }
    for path, text in japanese.items():
        assert not re.search(r"[ぁ-んァ-ン一-龥] [ぁ-んァ-ン一-龥]", text), f"{path}: a space within Japanese"
        assert not re.search(r"である。|だ。|[.,] ?$", text) or text.strip() == "、", path
