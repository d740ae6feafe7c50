"""Files as customers have them: re-encoded, packed, cut off, or something else altogether, and no forgeries."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest.canonical import dumps
from attest.signing.keys import Signer
from tests.conftest import FIXTURES, Exchange

Change = Callable[[bytes], bytes]
CODES = ("file/kind", "file/encoding", "file/empty", "file/cut-off")


def zipped(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("hanako.proof.json", data)
    return target.getvalue()


def tarred(data: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        entry = tarfile.TarInfo("hanako.proof.json")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def encoded(name: str) -> Change:
    return lambda data: data.decode().encode(name)


def always(data: bytes) -> Change:
    return lambda _: data


HTML = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body></body></html>\n"
ARRIVALS: dict[str, tuple[Change, str, str]] = {
    "UTF-16, little end first": (lambda data: b"\xff\xfe" + encoded("utf-16-le")(data), "encoding", "UTF-16"),
    "UTF-16, big end first": (lambda data: b"\xfe\xff" + encoded("utf-16-be")(data), "encoding", "UTF-16"),
    "UTF-16 without a mark, little end first": (encoded("utf-16-le"), "encoding", "UTF-16"),
    "UTF-16 without a mark, big end first": (encoded("utf-16-be"), "encoding", "UTF-16"),
    "UTF-16 of a page": (always(HTML.decode().encode("utf-16")), "encoding", "UTF-16"),
    "UTF-32": (encoded("utf-32"), "encoding", "UTF-32"),
    "UTF-8 with a mark": (lambda data: b"\xef\xbb\xbf" + data, "encoding", "a byte order mark"),
    "Shift_JIS": (lambda data: data.replace(b"hanako", "花子".encode("shift_jis"), 1), "encoding", "than UTF-8"),
    "gzip": (gzip.compress, "kind", "compressed with gzip"),
    "bzip2": (bz2.compress, "kind", "compressed with bzip2"),
    "xz": (lzma.compress, "kind", "compressed with xz"),
    "zip": (zipped, "kind", "a ZIP archive"),
    "tar": (tarred, "kind", "a tar archive"),
    "PDF": (always(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"), "kind", "a PDF"),
    "PNG": (always(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "kind", "a picture (PNG)"),
    "JPEG": (always(b"\xff\xd8\xff\xe0\0\x10JFIF\0"), "kind", "a picture (JPEG)"),
    "HEIF": (always(b"\0\0\0\x18ftypheic\0\0\0\0"), "kind", "a picture (HEIF)"),
    "an old spreadsheet": (always(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)), "kind", "an old office program"),
    "a page that asks to log in": (always(HTML), "kind", "a web page (HTML)"),
    "a page after a mark and a comment": (always(b"\xef\xbb\xbf\n<!-- a --><!-- b -->\n<HTML>"), "kind", "a web page"),
    "an answer in XML": (always(b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), "kind", "XML"),
    "an e-mail": (always(b"Received: from a\r\nSubject: Your proof\r\n\r\nHello"), "kind", "an e-mail"),
    "a table": (always(b"account,asset,balance\r\nhanako,BTC,1\r\n"), "kind", "a table (CSV)"),
    "a quoted table": (always(b'"account";"asset"\n"hanako";"BTC"\n'), "kind", "a table (CSV)"),
    "a table of two rows and no quotes": (always(b"x\ty\n1\t2\n"), "kind", "a table (CSV)"),
    "a note": (always(b"Dear customer, your proof is attached.\n"), "kind", "text that is no JSON"),
    "a certificate": (always((FIXTURES / "corpus/v1/authority.pem").read_bytes()), "kind", "a certificate"),
    "a challenge": (always(b"attest/v1 proof of control\r\nentity: x\r\n"), "kind", "the text of a challenge"),
    "any binary data": (always(bytes(range(1, 256))), "kind", "binary data"),
    "JSON of somebody else": (always(b'{"name": "left-pad", "version": "1.0.0"}'), "kind", "another document in JSON"),
    "a list": (always(b"[]"), "kind", "another document in JSON"),
    "lines of JSON": (lambda data: data + b"\n" + data, "kind", "several documents"),
    "a later version": (lambda data: data.replace(b"/v1", b"/v9"), "kind", "which this attest does not know"),
    "nothing": (always(b""), "empty", "is empty"),
    "a line feed": (always(b"\r\n"), "empty", "is empty"),
    "a mark alone": (always(b"\xef\xbb\xbf"), "empty", "is empty"),
    "zeros": (lambda data: bytes(len(data)), "empty", "zero bytes"),
    "a third": (lambda data: data[: len(data) // 3], "cut-off", "cut off"),
    "all but the last byte": (lambda data: data.rstrip()[:-1], "cut-off", "cut off"),
    "one byte": (lambda data: data[:1], "cut-off", "cut off"),
    "cut off inside a character": (lambda data: data[:20] + "あ".encode()[:2], "cut-off", "cut off"),
}  # fmt: skip


@pytest.fixture
def verify(attest: Any, exchange: Exchange) -> Callable[..., Any]:
    key = exchange.folder / "keys" / "exchange.pem.pub"
    return lambda *options, bundle=exchange.outcome.bundle: attest("verify", bundle, "--key", key, *options)


def given(case: str, data: bytes, tmp_path: Path) -> tuple[Path, str, str]:
    change, code, said = ARRIVALS[case]
    path = tmp_path / "given.json"
    path.write_bytes(change(data))
    return path, f"file/{code}", said


@pytest.mark.parametrize("case", ARRIVALS)
def test_what_is_no_proof_is_called_what_it_is_and_the_statement_is_verified(
    case: str, verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    path, code, said = given(case, exchange.proof(), tmp_path)
    ran = verify("--proof", path, "--json")
    document, error = ran.document, ran.document["error"]
    assert (ran.code, document["status"], error["code"]) == (3, "malformed", code)
    assert error["message"].startswith(f"{path} is ")
    assert said in error["message"]
    assert error["message"].endswith("; the account was not looked up, and nothing was found wrong")
    whole = verify("--json").document
    steps = [(step["status"], step["detail"]) for step in whole["steps"]]
    steps[10] = ("NOT CHECKED", error["message"])
    assert [(step["status"], step["detail"]) for step in document["steps"]] == steps
    assert document["coverage"] == whole["coverage"]
    assert "holdings" not in document


@pytest.mark.parametrize("case", ARRIVALS)
def test_what_is_no_bundle_is_called_what_it_is_and_nothing_failed(
    case: str, verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    path, code, said = given(case, exchange.bundle.replace(b"x", b"hanako", 1), tmp_path)
    ran = verify(bundle=path)
    assert (ran.code, ran.out.partition("\n")[0], "FAILED" in ran.out) == (3, "NOT CHECKED", False)
    assert said in ran.err
    assert "nothing in it was looked at, and nothing was found wrong" in ran.err
    document = verify("--json", bundle=path).document
    (step,) = document["steps"]
    assert (document["status"], document["error"]["code"]) == ("malformed", code)
    assert (step["number"], step["status"], step["detail"]) == (0, "NOT CHECKED", document["error"]["message"])


def test_the_first_line_says_that_the_proof_was_not_checked(
    verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    path, _, _ = given("UTF-16, little end first", exchange.proof(), tmp_path)
    ran = verify("--proof", path)
    assert ran.code == 3
    assert ran.out.startswith("NOT CHECKED: the inclusion proof (step 10). All that follows is of the statement alone.")
    assert "FAILED" not in ran.out
    assert "  10   NOT CHECKED" in ran.out
    assert "owed to you" not in ran.out
    assert "attest: hint: save it again as it came, byte for byte" in ran.err


def pretty(data: bytes) -> bytes:
    return json.dumps(json.loads(data), indent=2).encode()


@pytest.mark.parametrize(
    "change",
    [pretty, lambda data: pretty(data).replace(b"\n", b"\r\n"), lambda data: b"\r\n " + data + b"\n\n"],
    ids=["indented", "CRLF", "white space around it"],
)
def test_another_spelling_of_a_proof_is_that_proof(
    change: Change, verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(change(exchange.proof()))
    ran = verify("--proof", path, "--json")
    assert ran.document["steps"][10]["status"] == "VERIFIED"
    assert ran.document["holdings"]
    assert "error" not in ran.document


def test_a_proof_of_another_statement_is_told_as_that(attest: Any, exchange: Exchange, tmp_path: Path) -> None:
    """The proof is sound, and the bundle too; they do not belong together, which nobody is accused of."""
    ours = sha256(exchange.payload).hexdigest()
    proof, other, next_month = (tmp_path / name for name in ("proof.json", "other.attest.json", "next.attest.json"))
    proof.write_bytes(exchange.proof())
    other.write_bytes(exchange.resigned(lambda value: value["predicate"]["entity"].update(name="Another")))
    next_month.write_bytes(exchange.resigned(lambda value: value["predicate"].update(sequence=1, previous=ours)))
    key = exchange.folder / "keys" / "exchange.pem.pub"
    for bundle, which in ((other, ""), (next_month, ", which is the one before it")):
        ran = attest("verify", bundle, "--key", key, "--proof", proof, "--json")
        error = ran.document["error"]
        assert (ran.code, ran.document["status"], error["code"]) == (3, "malformed", "proof/statement")
        assert (
            f"{proof} is a proof of another statement, {ours}{which}; the bundle is that of 2026-10" in error["message"]
        )
        assert error["message"].endswith("; the account was not looked up, and nothing was found wrong")
        statuses = [step["status"] for step in ran.document["steps"]]
        assert statuses[10] == "NOT CHECKED"
        assert "FAILED" not in statuses
        assert len(statuses) == 16


@pytest.mark.parametrize("harm", ["amount", "salt", "path", "index"])
def test_a_proof_that_was_tampered_with_fails(
    harm: str, verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    value = json.loads(exchange.proof())
    leaf = value["holdings"][0]["leaves"][0]
    changes = {
        "amount": {"amount": str(int(leaf["amount"]) + 1)},
        "salt": {"salt": "00" * 32},
        "path": {"path": leaf["path"][:-1]},
        "index": {"index": leaf["index"] + 1},
    }
    leaf.update(changes[harm])
    path = tmp_path / "proof.json"
    path.write_bytes(dumps(value))
    ran = verify("--proof", path)
    assert (ran.code, ran.out.partition("\n")[0]) == (1, "FAILED")
    assert "  10   FAILED" in ran.out


def test_a_proof_with_a_wrong_field_is_not_checked_and_not_called_sound(
    verify: Callable[..., Any], exchange: Exchange, tmp_path: Path
) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(exchange.proof().replace(b'"amount":"', b'"amount":"-', 1))
    ran = verify("--proof", path)
    assert (ran.code, ran.out.startswith("NOT CHECKED: the inclusion proof")) == (3, True)
    assert "holdings[0].leaves[0].amount" in ran.err
    assert "nothing was found wrong" not in ran.err


def test_a_bundle_that_fails_is_told_though_the_proof_is_none(attest: Any, exchange: Exchange, tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    path.write_bytes(HTML)
    stranger = tmp_path / "stranger.pub"
    stranger.write_bytes(Signer.generate("ed25519").public.to_pem())
    ran = attest("verify", exchange.outcome.bundle, "--key", stranger, "--proof", path)
    assert (ran.code, ran.out.partition("\n")[0]) == (1, "FAILED")


@pytest.mark.parametrize("option", ["--previous", "--key", "--tsa-root", "--trust-root"])
@pytest.mark.parametrize("case", ["UTF-16, little end first", "gzip", "a page that asks to log in", "nothing"])
def test_other_files_that_a_reader_gives_are_called_what_they_are(
    option: str, case: str, attest: Any, exchange: Exchange, tmp_path: Path
) -> None:
    path, _, said = given(case, exchange.bundle, tmp_path)
    trusted = () if option in {"--key", "--trust-root"} else ("--key", exchange.folder / "keys" / "exchange.pem.pub")
    ran = attest("verify", exchange.outcome.bundle, *trusted, option, path)
    assert (ran.code, ran.out) == (3, "")
    assert str(path) in ran.err
    assert said.removeprefix("is ") in ran.err


@pytest.mark.parametrize(
    "case", ["UTF-16, little end first", "UTF-8 with a mark", "gzip", "a page that asks to log in", "nothing", "CRLF"]
)
def test_evidence_that_was_changed_on_its_way_fails_and_is_called_what_it_is(
    case: str, attest: Any, exchange: Exchange, public: Path
) -> None:
    """Its digest is not the signed one, and who reads it learns that a download may be the reason."""
    name = "evidence-public.jsonl"
    evidence = (public / name).read_bytes()
    changed = evidence.replace(b"\n", b"\r\n") if case == "CRLF" else ARRIVALS[case][0](evidence)
    said = "has other line ends (CRLF)" if case == "CRLF" else ARRIVALS[case][2]
    (public / name).write_bytes(changed)
    key = exchange.folder / "keys" / "exchange.pem.pub"
    ran = attest("verify", public / "2026-10.attest.json", "--key", key, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "subject/digest")
    start, _, what = ran.document["error"]["message"].partition(": it ")
    assert (start, said in what) == (f"{name} is not the file that was signed for", True)
    assert ran.document["error"]["hint"] == "take it again from where it was published, as it is there"
    (public / name).write_bytes(evidence.replace(b"1", b"2", 1))
    forged = attest("verify", public / "2026-10.attest.json", "--key", key, "--json").document["error"]
    assert (forged["message"], "hint" in forged) == (f"{name} is not the file that was signed for", False)


def test_a_history_in_which_a_file_is_no_bundle_is_not_checked(
    attest: Any, exchange: Exchange, public: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.pub").write_bytes(exchange.signer.public.to_pem())
    made = tmp_path / "1.root.json"
    drawn = attest("trust", "new", "--origin", "exchange.example", "--root", tmp_path / "x.pub", "--exchange",
                   tmp_path / "x.pub", "-o", made)  # fmt: skip
    assert drawn.code == 0
    assert attest("trust", "sign", made, "--key", exchange.folder / "keys" / "exchange.pem").code == 0
    for case, said in (("a page that asks to log in", "a web page (HTML)"), ("a third", "is cut off")):
        (public / "2026-11.attest.json").write_bytes(ARRIVALS[case][0](exchange.bundle))
        (public / "2026-12.attest.json").write_bytes(b"")
        ran = attest("history", "check", public, "--trust-root", made)
        assert (ran.code, ran.out) == (3, "")
        assert f"{public / '2026-11.attest.json'} is " in ran.err
        assert said in ran.err
        assert f"  {public / '2026-12.attest.json'} is empty, and cannot be read as a bundle" in ran.err
        assert "the history was not checked, and nothing was found wrong" in ran.err
