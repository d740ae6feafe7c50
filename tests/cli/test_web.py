"""The page with a trust root in it, and whose page a file is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from attest import __version__
from attest.canonical import dumps
from attest.signing.envelope import Envelope
from attest.signing.keys import words_of
from attest.signing.trust import Trust, parse_root_file
from attest.web import page_digest, shipped_page
from attest.web.page import build_page
from tests.world.ceremony import root, signer

ROLES = {"root": ("ab", 2), "exchange": ("xyz", 2), "auditor": ("u", 1)}
FIRST = root(1, ROLES, "ab")
FIRST_EXPIRES = json.loads(FIRST.payload)["expiresAt"]
EMPTY_BLOCK = b'<script type="application/json" id="trust-root"></script>'


@pytest.fixture
def trust_root(tmp_path: Path) -> Path:
    path = tmp_path / "1.root.json"
    path.write_bytes(json.dumps(json.loads(FIRST.to_bytes()), indent=2).encode())
    return path


@pytest.fixture
def page(attest: Any, trust_root: Path, tmp_path: Path) -> Path:
    out = tmp_path / "page.html"
    assert attest("web", "build", "--trust-root", trust_root, "-o", out).code == 0
    return out


def scripts(data: bytes) -> list[bytes]:
    """What stands in each script element that is run."""
    return re.findall(rb"<script>(.*?)</script>", data, re.DOTALL)


def changed(page: Path, old: bytes, new: bytes) -> Path:
    data = page.read_bytes()
    assert old in data
    page.write_bytes(data.replace(old, new, 1))
    return page


def test_a_page_is_the_shipped_one_with_a_trust_root_in_its_block_of_data(page: Path) -> None:
    assert shipped_page().count(EMPTY_BLOCK) == 1
    filled = EMPTY_BLOCK.replace(b"><", b">" + FIRST.to_bytes() + b"<")
    assert page.read_bytes() == shipped_page().replace(EMPTY_BLOCK, filled)


def test_the_policy_of_a_built_page_admits_its_script_still(page: Path) -> None:
    (script,) = scripts(page.read_bytes())
    (policy,) = re.findall(rb'http-equiv="Content-Security-Policy" content="([^"]+)"', page.read_bytes())
    assert f"script-src 'sha256-{b64encode(sha256(script).digest()).decode()}'" in policy.decode()
    assert [script] == scripts(shipped_page())


def test_no_trust_root_can_end_its_block_of_data() -> None:
    value = FIRST.to_value()
    hostile = "</script><script>alert(1)</script><!--"
    value["signatures"].append({"keyid": hostile, "sig": value["signatures"][0]["sig"]})
    made = build_page(Envelope.from_value(value, what="x"))
    assert scripts(made) == scripts(shipped_page())
    assert made.count(b"<") == shipped_page().count(b"<")
    block = made[made.index(b'id="trust-root">') + len(b'id="trust-root">') :].split(b"</script>")[0]
    assert parse_root_file(block).signatures[-1].keyid == hostile


def test_the_same_trust_root_makes_the_same_page(attest: Any, page: Path, tmp_path: Path) -> None:
    (tmp_path / "other.root.json").write_bytes(FIRST.to_bytes())
    again = attest("web", "build", "--trust-root", tmp_path / "other.root.json", "-o", page)
    assert (again.code, "is there already" in again.out) == (0, True)


def test_what_is_no_valid_trust_root_does_not_get_into_a_page(attest: Any, tmp_path: Path) -> None:
    unsigned, alone, other = tmp_path / "u.json", tmp_path / "a.json", tmp_path / "proof.json"
    unsigned.write_bytes(FIRST.payload)
    alone.write_bytes(root(1, ROLES, "a").to_bytes())
    other.write_bytes(b'{"format":"attest/inclusion-proof/v1"}')
    for path, code, said in (
        (unsigned, 3, "nobody has signed this trust root yet"),
        (alone, 1, "trust root 1 is signed by 1 of the root keys of version 1; 2 must"),
        (other, 3, f"{other} is an inclusion proof, not a trust root"),
        (tmp_path / "none", 4, "cannot read"),
    ):
        ran = attest("web", "build", "--trust-root", path, "-o", tmp_path / "x.html")
        assert (ran.code, said in ran.err) == (code, True), path
    assert not (tmp_path / "x.html").exists()


def test_build_replaces_another_file_only_when_told_to(
    attest: Any, trust_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verify.html").write_bytes(b"mine")
    assert attest("web", "build", "--trust-root", trust_root).code == 4
    assert (tmp_path / "verify.html").read_bytes() == b"mine"
    ran = attest("web", "build", "--trust-root", trust_root, "--force", "--json")
    assert (ran.code, ran.document["page"], ran.document["added"]) == (0, "verify.html", 1)
    assert ran.document["sha256"] == sha256((tmp_path / "verify.html").read_bytes()).hexdigest()


def test_check_says_that_a_page_is_this_one_and_which_root_it_pins(attest: Any, page: Path) -> None:
    (pinned,) = Trust.pin(FIRST).roots
    ran = attest("web", "check", page, "--json")
    assert (ran.code, ran.document["status"]) == (0, "verified")
    assert ran.document["sha256"] == sha256(page.read_bytes()).hexdigest()
    assert ran.document["withoutRoot"] == page_digest()
    found = ran.document["trustRoot"]
    assert (found["fingerprint"], found["version"]) == (pinned.fingerprint, 1)
    assert (found["origin"], found["expiresAt"]) == (pinned.document.origin, FIRST_EXPIRES)
    assert len(found["words"]) == 24
    text = attest("web", "check", page).out
    assert text.startswith(f"the page of attest {__version__}, with this trust root\n")
    shown = text.split("fingerprint")[1].split("words")[0]
    assert "".join(shown.split()) == pinned.fingerprint
    assert {len(part) for part in shown.split()} == {4}
    assert text.split("words")[1].split() == found["words"]


def test_the_words_of_a_root_are_those_that_key_show_has_for_the_same_digest() -> None:
    public = signer("a").public
    assert words_of(public.fingerprint) == public.words


def test_check_says_that_a_root_has_expired(attest: Any, tmp_path: Path) -> None:
    path = tmp_path / "old.html"
    old = {"issuedAt": "2020-01-01T00:00:00Z", "expiresAt": "2021-01-01T00:00:00Z"}
    path.write_bytes(build_page(root(1, ROLES, "ab", **old)))
    ran = attest("web", "check", path)
    assert (ran.code, "expires at    2021-01-01T00:00:00Z, which is past\n" in ran.out) == (0, True)


def test_check_says_that_a_page_has_no_root(attest: Any, tmp_path: Path) -> None:
    path = tmp_path / "plain.html"
    path.write_bytes(shipped_page())
    ran = attest("web", "check", path, "--json")
    assert (ran.code, ran.document["trustRoot"], ran.document["sha256"]) == (0, None, page_digest())
    assert attest("web", "check", path).out.startswith(
        f"the page of attest {__version__}, without a trust root: whoever opens it is asked for one\n"
    )


CHANGES = {
    "a letter of its text": (b"<title>Verify", b"<title>verify"),
    "its policy": (b"default-src 'none'", b"default-src  https:"),
    "a script more": (b"</body>", b"<script>1</script></body>"),
    "a script in place of the block": (b'"trust-root">{', b'"trust-root"></script><script>{'),
    "a script after the trust root": (b"}</script>", b"}</script><script>1</script>"),
    "an element in the block": (b'"payload":"', b'"payload":"<b>'),
    "another type of the block": (b'type="application/json"', b'type="text/javascript" '),
    "a line more at its end": (b"</html>\n", b"</html>\n\n"),
    "a byte order mark": (b"<!doctype", b"\xef\xbb\xbf<!doctype"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_check_fails_for_any_other_page(case: str, attest: Any, page: Path) -> None:
    ran = attest("web", "check", changed(page, *CHANGES[case]), "--json")
    assert (ran.code, ran.document["status"], ran.document["error"]["code"]) == (1, "failed", "web/other-page")
    message = ran.document["error"]["message"]
    assert re.search(r"is not the page of attest .*: from byte [\d,]+ on it is another$", message)
    assert "attest: error: " in attest("web", "check", page).err


def test_check_names_the_first_byte_that_differs(attest: Any, page: Path) -> None:
    for old, new, same in ((b"<title>Verify", b"<title>verify", 7), (b"</body>", b"</bodx>", 5)):
        at = page.read_bytes().index(old) + same
        assert f"from byte {at + 1:,} on" in attest("web", "check", changed(page, old, new)).err
        changed(page, new, old)


def test_check_fails_for_a_page_that_lost_its_end_or_has_other_line_ends(attest: Any, page: Path) -> None:
    good = page.read_bytes()
    for data in (good[:-1], good[: good.index(b'"trust-root">') + 40], good.replace(b"\n", b"\r\n")):
        page.write_bytes(data)
        ran = attest("web", "check", page, "--json")
        assert (ran.code, ran.document["error"]["code"]) == (1, "web/other-page")


def test_check_fails_for_a_root_that_does_not_hold_or_is_written_otherwise(attest: Any, page: Path) -> None:
    good, canonical = page.read_bytes(), FIRST.to_bytes()
    one = dumps(FIRST.to_value() | {"signatures": FIRST.to_value()["signatures"][:1]})
    for data, said in (
        (one, "the trust root in it is none that holds: trust root 1 is signed by 1 "),
        (b"{}", "the trust root in it is none that holds: "),
        (b" " + canonical, "its trust root is not written as attest web build writes it"),
    ):
        page.write_bytes(good.replace(canonical, data))
        ran = attest("web", "check", page, "--json")
        assert (ran.code, ran.document["error"]["code"]) == (1, "web/trust-root")
        assert said in ran.document["error"]["message"]


def test_check_says_what_is_no_page_at_all(attest: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.html"
    for data, said in (
        (b"<!doctype html><title>Log in</title>", "is no page in which customers verify"),
        (b"", "is empty"),
        (FIRST.to_bytes(), "is no page in which customers verify"),
    ):
        path.write_bytes(data)
        ran = attest("web", "check", path)
        assert (ran.code, f"{path} {said}\n" in ran.err, "fetch the file itself" in ran.err) == (1, True, True)
    assert attest("web", "check", tmp_path / "none").code == 4


def test_version_says_which_page_is_its_own_and_imports_nothing_heavy(attest: Any) -> None:
    assert attest("--version").out == (
        f"attest, version {__version__}\npage without a trust root: SHA-256 {sha256(shipped_page()).hexdigest()}\n"
    )
    code = (
        "import sys\nfrom attest.cli import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print({'cryptography', 'pydantic', 'web3', 'pyarrow', 'numpy', 'rich'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("set()\n")
