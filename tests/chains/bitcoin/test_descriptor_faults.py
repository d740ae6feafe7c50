"""Descriptors as wallets export them: taken in one spelling, or refused with what is true of them and what to write."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import wallycore
from btclib_wallet.descriptors import checksum
from hypothesis import given
from hypothesis import strategies as st

from attest.chains.bitcoin.scripts import descriptor_scripts, scripts
from attest.chains.descriptor_text import one_spelling
from attest.errors import MalformedError
from tests.world.descriptors import BITCOIN, KEYS, PUBLIC, XPRV, XPUB, ZPUB, wallet

ORIGIN = "[d34db33f/84h/0h/0h]"
PLAIN = f"wpkh({ORIGIN}{XPUB}/0/*)"
TWO = f"wsh(sortedmulti(2,{ORIGIN}{XPUB}/0/*,{XPUB}/1/*))"


def checked(descriptor: str) -> str:
    return f"{descriptor}#{wallycore.descriptor_get_checksum(wallycore.descriptor_parse(descriptor, None, 1, 0), 0)}"


def refusal(descriptor: str, **fields: Any) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        scripts(wallet(descriptor=descriptor, range=(0, 1) if "*" in descriptor else None, **fields))
    return caught.value


SPACED = {
    "a space after each comma": (TWO.replace(",", ", "), TWO),
    "around brackets": (TWO.replace("(", "( ").replace(")", " )"), TWO),
    "behind an origin": (PLAIN.replace("]", "] "), PLAIN),
    "a line feed at the end": (PLAIN + "\n", PLAIN),
    "one of Windows": (PLAIN + "\r\n", PLAIN),
    "spaces at both ends": (f"  {PLAIN}\t", PLAIN),
    "a byte order mark": ("\ufeff" + PLAIN, PLAIN),
    "a key a line": (TWO.replace(",", ",\n    "), TWO),
    "a space that does not break": (TWO.replace(",", ",\u00a0"), TWO),
    "behind a checksum": (checked(PLAIN) + "\n", checked(PLAIN)),
    "before a checksum": (checked(PLAIN).replace("#", " #"), checked(PLAIN)),
    "a checksum of the text without": (checked(TWO).replace(",", ", "), checked(TWO)),
}


@pytest.mark.parametrize("case", SPACED)
def test_white_space_that_changes_nothing_is_left_out_of_what_is_published(case: str) -> None:
    spaced, plain = SPACED[case]
    found = wallet(descriptor=spaced, range=(0, 1))
    assert found.descriptor == plain
    assert scripts(found) == descriptor_scripts(plain, (0, 1), BITCOIN)
    # Evidence has the one spelling: nobody who verifies takes another.
    with pytest.raises(MalformedError):
        descriptor_scripts(spaced, (0, 1), BITCOIN)


def test_a_checksum_of_the_text_with_its_spaces_becomes_that_of_the_text_without() -> None:
    spaced = TWO.replace(",", ", ")
    for given_checksum, kept in ((checksum(spaced), checked(TWO)), ("qqqqqqqq", TWO + "#qqqqqqqq")):
        assert wallet(descriptor=f"{spaced}#{given_checksum}", range=(0, 1)).descriptor == kept


@pytest.mark.parametrize("text", [PLAIN, TWO, checked(PLAIN), "", "#", "é#", "wpkh(a b)"])
def test_one_spelling_stays_as_it_is(text: str) -> None:
    assert one_spelling(text) == text
    assert one_spelling(one_spelling(f" {text}\n")) == one_spelling(f" {text}\n")


def keys(count: int) -> str:
    return ",".join(f"{XPUB}/{number}/*" for number in range(count))


OTHER = KEYS["xpub"]
# What is refused, and parts of what is told of it and of what to do.
REFUSED: dict[str, tuple[str, str, str]] = {
    "two branches": (f"wpkh({XPUB}/<0;1>/*)", "two branches or more at once (<0;1>, of BIP-389)", "/0/*"),
    "three": (f"wpkh({XPUB}/<0;1;2>/*)", "<0;1>, of BIP-389", "/1/*"),
    "two branches with a checksum": (f"wpkh({XPUB}/<0;1>/*)#" + "{}", "<0;1>, of BIP-389", "leave # and the checksum"),
    "two branches of several keys": (f"wsh(sortedmulti(1,{XPUB}/<0;1>/*,{XPUB}/<2;3>/*))", "BIP-389", "/0/*"),
    "a policy's path": (f"wpkh({XPUB}/**)", "/**, of wallet policies (BIP-388)", "/1/*"),
    "a policy": ("wsh(sortedmulti(2,@0/**,@1/**))", "@0 stands in a wallet policy (BIP-388)", "write that key"),
    "a policy of two branches": ("wpkh(@0/<0;1>/*)", "@0 stands in a wallet policy", "/0/*"),
    "nine zeros": (f"wpkh([000000000/84h/0h/0h]{XPUB}/0/*)", "'000000000', which is no fingerprint", "eight zeros"),
    "nine zeros alone": (f"wpkh([000000000]{XPUB}/0/*)", "8 hex digits", "eight zeros"),
    "nine zeros in the second key": (f"wsh(multi(1,{ORIGIN}{XPUB}/0/*,[000000000]{XPUB}/1/*))", "[000000000]", "eight"),
    "lost zeros": (f"wpkh([bc09e/84h/0h/0h]{XPUB}/0/*)", "'bc09e', which is no fingerprint", "000bc09e"),
    "a fingerprint behind 0x": (
        f"wpkh([0xd34db33f/84h]{XPUB}/0/*)",
        "which is no fingerprint",
        "as the device shows it",
    ),
    "m for the fingerprint": (f"wpkh([m/84h/0h/0h]{XPUB}/0/*)", "'m', which is no fingerprint", "no origin at all"),
    "m behind it": (f"wpkh([d34db33f/m/84h/0h/0h]{XPUB}/0/*)", "has a path that is none", "/84h/0h"),
    "a slash too many": (f"wpkh([d34db33f/84h/]{XPUB}/0/*)", "has a path that is none", "a / and a number"),
    "an origin that is open": (
        f"wpkh([d34db33f/84h{XPUB}/0/*)",
        "[d34db33f…, is not closed",
        "[d34db33f/84h/0h/0h]xpub",
    ),
    "typographic quotes": (
        f"wpkh([d34db33f/84\u2019]{XPUB}/0/*)",
        "the character '\u2019', which is character 18",
        "84h",
    ),
    "sixteen keys": (f"wsh(sortedmulti(2,{keys(16)}))", "16 keys is valid in wsh(), and is not read here", "address ="),
    "twenty keys": (f"wsh(multi(2,{keys(20)}))", "a script of 20 keys is valid in wsh()", "address ="),
    "twenty-one keys": (f"wsh(multi(2,{keys(21)}))", "at most 20 keys (BIP-383), and this has 21", "address ="),
    "sixteen keys in sh": (f"sh(sortedmulti(2,{keys(16)}))", "room for 15 keys, and this has 16", "sh(wsh())"),
    "sixteen keys in sh(wsh)": (
        f"sh(wsh(sortedmulti(2,{keys(16)})))",
        "valid in wsh(), and is not read here",
        "address =",
    ),
    "more signers than keys": (f"wsh(multi(3,{keys(2)}))", "3 of 2 keys cannot sign", "copy"),
    "no signer": (f"wsh(multi(0,{keys(2)}))", "0 of 2 keys cannot sign", "copy"),
    "no number of signers": (f"wsh(multi({keys(2)}))", "begin with how many keys must sign", "wsh(sortedmulti(2,"),
    "a script under tr": (f"tr({XPUB}/0/*,pk({XPUB}/1/*))", "not read here: only tr(KEY)", "address ="),
    "scripts under tr": (
        f"tr({XPUB}/0/*,{{pk({XPUB}/1/*),pk({XPUB}/2/*)}})",
        "scripts under tr() are valid",
        "address =",
    ),
    "multi_a": (f"tr({XPUB}/0/*,multi_a(2,{keys(2)}))", "multi_a() (BIP-387) is valid", "address ="),
    "sortedmulti_a": (f"tr({XPUB}/0/*,sortedmulti_a(2,{keys(2)}))", "sortedmulti_a() (BIP-387)", "address ="),
    "musig": (
        f"tr(musig({XPUB},{OTHER})/0/*)",
        "musig() (BIP-390) is valid in a descriptor and not read here",
        "address =",
    ),
    "musig inside": (f"rawtr(musig({XPUB}/0/*,{OTHER}/0/*))", "musig() (BIP-390)", "address ="),
    "musig under tr": (f"tr({XPUB}/0/*,pk(musig({XPUB},{OTHER})/0/*))", "musig() (BIP-390)", "address ="),
    "a wrong checksum": (PLAIN + "#00000000", "checksum does not fit its text", "after a change on purpose"),
    "half a checksum": (PLAIN + "#abc", "checksum does not fit its text", "leave # and checksum out"),
    "a white space in a key": (
        PLAIN.replace("xpub", "xp ub"),
        "white space in the descriptor, as its character 28",
        "without",
    ),
    "a private key": (f"wpkh({XPRV}/0/*)", "a private key in the register", "treat the key as disclosed"),
    "the words of a seed": (f"wpkh({'abandon ' * 11}about)", "words in the register as those of a seed", "disclosed"),
    "the words alone": ("abandon " * 11 + "about", "words in the register as those of a seed", "disclosed"),
    "64 digits": (f"wpkh({'11' * 32})", "64 hex digits stands in tr() alone", "treat it as disclosed"),
    "130 digits": (f"wsh(pk(04{'ab' * 64}))", "an uncompressed key of 130 hex digits", "compressed public key"),
    "a path behind a plain key": (
        f"wpkh({PUBLIC}/0/*)",
        "the path /0/* stands behind a plain public key",
        "extended key",
    ),
    "a key cut off": (f"wpkh({XPUB[:-3]}/0/*)", f"the key {XPUB[:8]}… is mistyped or cut off", "copy"),
    "zpub in pkh": (f"pkh({ZPUB}/0/*)", "zpub keys stand in wpkh(, not in pkh(", "xpub spelling"),
    "hardened below": (
        f"wpkh({XPUB}/0h/*)",
        "hardened steps after an extended public key need its private key",
        "export",
    ),
    "two stars": (f"wpkh({XPUB}/*/*)", "/*/* is not a path, which is numbers", "getdescriptorinfo"),
    "a star without a slash": (f"wpkh({XPUB}/0*)", "/0* is not a path", "getdescriptorinfo"),
    "capitals": (PLAIN.replace("wpkh", "WPKH"), "written in small letters", "copy the descriptor again"),
    "a file of a wallet": (
        '{"descriptor": "' + PLAIN + '"}',
        "as a wallet's file that has one",
        "alone out of the file",
    ),
    "a file of BSMS": (f"BSMS1.0/{PLAIN}", "as a wallet's file that has one", "alone out of the file"),
    "a bracket open": (PLAIN[:-1], "1 times ( and 0 times )", "copy the whole descriptor"),
    "all kinds": (f"combo({XPUB}/0/*)", "several kinds of scripts (combo())", "list a wallet for each"),
    "something else": (f"wsh(wpkh({XPUB}/0/*))", "something in it that libwally does not read", "getdescriptorinfo"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_what_is_true_of_it(case: str) -> None:
    descriptor, said, hint = REFUSED[case]
    error = refusal(descriptor.format(checksum(descriptor[:-3])) if descriptor.endswith("#{}") else descriptor)
    assert said in error.message
    assert hint in str(error.hint)
    others = {"scripts under tr()": "tr(", "at most 15": "multi(", "musig()": "musig("}
    assert not [told for told, of in others.items() if told in error.message and of not in descriptor]


@pytest.mark.parametrize("case", ["a private key", "the words of a seed", "the words alone", "64 digits"])
def test_a_secret_is_not_repeated(case: str) -> None:
    error = refusal(REFUSED[case][0])
    for secret in (XPRV[4:16], "abandon", "about", "11" * 8):
        assert secret not in error.message + str(error.hint)


@pytest.mark.parametrize(
    "descriptor",
    [
        f"wpkh([D34DB33F/84h/0h/0h]{XPUB}/0/*)",
        f"wpkh([d34db33f/84'/0'/0']{XPUB}/0/*)",
        f"wpkh([00000000]{XPUB}/0/*)",
        f"wpkh([d34db33f/84h/0h/0h/0/5]{PUBLIC})",
        f"wsh(sortedmulti(2,{keys(15)}))",
        f"wsh(or_d(pk({XPUB}/0/*),and_v(v:pkh({XPUB}/1/*),older(65535))))",
        f"tr({XPUB}/0/*)",
        f"rawtr({XPUB}/0/*)",
    ],
)
def test_what_is_valid_and_read_stays_taken(descriptor: str) -> None:
    assert scripts(wallet(descriptor=descriptor, range=(0, 1) if "*" in descriptor else None))


@given(st.text(alphabet="wpkhstrmulti()[],/*#@0123456789abcdefxh'<;>{} \n", max_size=60))
def test_no_text_leads_to_another_error(text: str) -> None:
    with suppress(MalformedError):
        descriptor_scripts(text, (0, 0), BITCOIN)
    assert isinstance(one_spelling(text), str)
