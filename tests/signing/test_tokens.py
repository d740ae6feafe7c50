"""Keys on a token by what RFC 7512 says: ids byte by byte, labels, and what the token says of itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import AttestError, MalformedError, UnavailableError
from attest.signing.envelope import sign, verify_signatures
from attest.signing.keys import PublicKey
from attest.signing.signers import open_signer, public_key
from attest.signing.tokens import TokenKey
from tests.world.softhsm import LABEL, MORE_KEYS, PIN, add_token, make_token

TOKEN = f"token={quote(LABEL)}"


def pin(name: str) -> str:
    assert name == "pin"
    return PIN


def nobody(name: str) -> str:
    raise AssertionError(f"nobody may be asked for a {name}")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        made = make_token(tmp_path_factory.mktemp("softhsm"))
        for name, value in made.items():
            patch.setenv(name, value)
        yield made


def percent(keyid: str) -> str:
    return "".join(f"%{byte:02x}" for byte in bytes.fromhex(keyid))


@pytest.mark.usefixtures("token")
def test_every_id_names_a_key_of_its_own_byte_by_byte() -> None:
    found: dict[str, PublicKey] = {}
    for keyid in ["02", "04", *(keyid for keyid, _ in MORE_KEYS)]:
        uri = f"pkcs11:{TOKEN};id={percent(keyid)}"
        device = open_signer(uri, public=None, secrets=pin)
        envelope = sign(b"payload", "type", [device])
        assert verify_signatures(envelope, [device.public]).signed == {device.public.fingerprint}
        found[keyid] = public_key(uri, secrets=nobody)
        assert found[keyid] == device.public
    assert len({key.fingerprint for key in found.values()}) == len(found)
    assert public_key("hsm:2?label=exchange+token", secrets=nobody) == found["02"]


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize(
    ("keyid", "uri"),
    [
        ("0002", "pkcs11:{token};object=month%3B%20end"),
        ("0002", "pkcs11:object=month%3B%20end"),
        ("0002", "pkcs11:id=%00%02"),
        ("0002", "pkcs11:{token};id=%00%02;object=month%3b%20end;type=private"),
        ("0002", "pkcs11:type=public;id=%00%02;{token}"),
        ("05", "pkcs11:{token};object=twin;id=%05"),
        ("07", "pkcs11:{token};object=Schl%C3%BCssel"),
        ("000002", "pkcs11:{token};object=three%20bytes"),
    ],
)
def test_a_label_and_a_type_name_the_key_as_tools_print_them(keyid: str, uri: str) -> None:
    wanted = public_key(f"pkcs11:{TOKEN};id={percent(keyid)}", secrets=nobody)
    device = open_signer(uri.format(token=TOKEN), public=None, secrets=pin)
    assert device.public == wanted
    device.sign(b"payload")


@pytest.mark.usefixtures("token")
def test_what_the_token_says_of_itself_chooses_it() -> None:
    import pkcs11

    (found,) = [item for item in pkcs11.lib(os.environ["PYKCS11LIB"]).get_tokens() if item.label == LABEL]
    # What p11tool prints of a key on this token.
    said = {
        "model": found.model,
        "manufacturer": found.manufacturer_id,
        "serial": bytes(found.serial).decode(),
        "token": found.label,
        "slot-id": str(found.slot.slot_id),
        "slot-description": found.slot.slot_description,
        "slot-manufacturer": found.slot.manufacturer_id,
    }
    whole = "pkcs11:" + ";".join(f"{name}={quote(value)}" for name, value in said.items()) + ";id=%00%02;type=private"
    assert public_key(whole, secrets=nobody) == public_key("pkcs11:id=%00%02", secrets=nobody)
    for name in said:
        with pytest.raises(UnavailableError, match="no token is as the URI says") as caught:
            public_key(f"pkcs11:{name}=another;id=%02", secrets=nobody)
        assert f"token={quote(LABEL)};serial={said['serial']}" in str(caught.value.hint)


NOT_FOUND = {
    "an id that is not there": ("id=%09", "has no key of elliptic curves with that id and label"),
    "an id with a zero byte more": ("id=%00%04", "has no key of elliptic curves"),
    "an id with one less": ("id=%02%02", "has no key of elliptic curves"),
    "a label that is not there": ("object=nobody", "has no key of elliptic curves"),
    "a label of another id": ("object=twin;id=%02", "has no key of elliptic curves"),
    "two keys of a label": ("object=twin", "2 keys of the token exchange token fit"),
    "all keys": (TOKEN, "keys of the token exchange token fit"),
}


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("case", NOT_FOUND)
def test_what_names_no_key_or_several_says_what_there_is(case: str) -> None:
    uri, said = NOT_FOUND[case]
    known = public_key("pkcs11:id=%02", secrets=nobody)
    for opened in (
        lambda: public_key(f"pkcs11:{uri}", secrets=pin),
        lambda: open_signer(f"pkcs11:{uri}", public=known, secrets=pin).sign(b"payload"),
    ):
        with pytest.raises(UnavailableError) as caught:
            opened()
        assert (caught.value.code, said in caught.value.message) == ("signer/failed", True)
        assert "id=%" in str(caught.value.hint)
        assert "object=" in str(caught.value.hint)
        if case == "two keys of a label":
            assert {"id=%05", "id=%06"} == set(re.findall("id=[%0-9A-F]+", str(caught.value.hint)))


REFUSED = {
    "a PIN": ("id=%02;pin-value=1234", "pin-value= is not taken", "it is asked for"),
    "a PIN in the query": ("id=%02?pin-value=1234", "pin-value= is not taken", "it is asked for"),
    "where a PIN is": ("id=%02?pin-source=file:/etc/pin", "pin-source= is not taken", "it is asked for"),
    "a library": ("id=%02?module-path=/lib/x.so", "module-path= is not taken", "PYKCS11LIB"),
    "a library's name": ("id=%02?module-name=softhsm2", "module-name= is not taken", "PYKCS11LIB"),
    "a library's maker": ("library-manufacturer=Acme;id=%02", "library-manufacturer= is not taken", "PYKCS11LIB"),
    "an id twice": ("id=%02;id=%04", "id= stands there twice", "token=LABEL"),
    "a token twice": ("token=a;token=b", "token= stands there twice", "token=LABEL"),
    "no id in id": ("id=", "id= is of 0 bytes", "each byte of the key's id as %"),
    "an endless id": ("id=" + "%01" * 256, "id= is of 256 bytes", "each byte"),
    "half a byte": ("id=%0", "id= has a % without two hex digits", "%25"),
    "no hex": ("object=100%", "object= has a % without two hex digits", "%25"),
    "a certificate": ("id=%02;type=cert", "type= names no key that signs", "type=private"),
    "a secret key": ("id=%02;type=secret-key", "type= names no key that signs", "type=private"),
    "a misspelt attribute": ("lable=x", "lable= is no attribute that names a key", "object=NAME"),
    "a name in capitals": ("TOKEN=x", "what it has is no attribute", "token=LABEL"),
    "a value alone": ("1234", "what it has is no attribute", "token=LABEL"),
    "a path of a file": ("/dev/1234", "what it has is no attribute", "token=LABEL"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_belong_into_a_uri_is_told_with_its_reason_and_without_its_value(case: str) -> None:
    uri, said, hint = REFUSED[case]
    for opened in (
        lambda: public_key(f"pkcs11:{uri}", secrets=nobody),
        lambda: open_signer(f"pkcs11:{uri}", public=None, secrets=nobody),
    ):
        with pytest.raises(MalformedError) as caught:
            opened()
        assert (caught.value.code, said in caught.value.message) == ("signer/uri", True)
        assert hint in str(caught.value.hint)
        for secret in ("1234", "/etc/pin", "/lib/x.so", "Acme"):
            assert secret not in caught.value.message + str(caught.value.hint)


def test_two_tokens_of_one_label_are_told_apart_by_their_serial(token: dict[str, str]) -> None:
    add_token(token, "twins")
    add_token(token, "twins")
    # The driver lists tokens that are new only after it was loaded anew, as in a process of its own.
    import subprocess
    import sys

    program = (
        "from attest.signing.signers import public_key\n"
        "from attest.errors import AttestError\n"
        "try:\n    public_key('pkcs11:token=twins;id=%02', secrets=lambda _: '1234')\n"
        "except AttestError as error:\n    print(error.message, '|', error.hint)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    message, hint = ran.stdout.strip().split(" | ")
    assert message == "2 tokens are as the URI says"
    assert hint.count("token=twins;serial=") == 2


def test_without_the_name_of_its_library_a_token_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYKCS11LIB", raising=False)
    with pytest.raises(UnavailableError, match="PYKCS11LIB is not set") as caught:
        public_key("pkcs11:id=%02", secrets=nobody)
    assert "libsofthsm2.so" in str(caught.value.hint)
    monkeypatch.setenv("PYKCS11LIB", "/nowhere/lib.so")
    with pytest.raises(UnavailableError, match="does not answer as it should"):
        public_key("pkcs11:id=%02", secrets=nobody)


@pytest.mark.usefixtures("token")
def test_a_wrong_pin_is_the_tokens_refusal() -> None:
    device = open_signer("pkcs11:id=%00%02", public=None, secrets=lambda _: "wrong")
    with pytest.raises(UnavailableError, match=r"[Pp]in") as caught:
        device.sign(b"payload")
    assert caught.value.code == "signer/failed"


@given(st.text(alphabet="idobjectnypelkms%0123456789abcdefz=;?&- ", max_size=60))
def test_no_uri_leads_to_another_error(text: str) -> None:
    with suppress(AttestError):
        TokenKey.parse(f"pkcs11:{text}")
