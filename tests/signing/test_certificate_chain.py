"""Which certificates lead from a clock to a root that the verifier named, with real authorities (`openssl ts`)."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from attest.errors import MalformedError, VerificationError
from attest.signing.certificate_chain import is_root
from attest.signing.timestamp import check_answer, parse_authorities, query, require_root
from tests.world.authority import Authority, Party, certify, clock, make_authority

SIGNATURE = bytes(range(64))


def holds(authority: Authority, *named: bytes) -> bool:
    """Whether a fresh timestamp of the authority holds when the certificates in these files are named."""
    try:
        asked = query(SIGNATURE)
        check_answer(asked, authority.answer(asked.body), parse_authorities(b"".join(named), what="roots"))
    except VerificationError:
        return False
    return True


def refused(authority: Authority, *named: bytes) -> str:
    asked = query(SIGNATURE)
    with pytest.raises(VerificationError) as caught:
        check_answer(asked, authority.answer(asked.body), parse_authorities(b"".join(named), what="roots"))
    assert caught.value.code == "timestamp/invalid"
    return caught.value.message.removeprefix("a timestamp does not hold: ")


@pytest.fixture(scope="module")
def root() -> Party:
    return certify("Root")


@pytest.mark.parametrize("certificate_id", ["sha1", "sha256", "sha512"])
def test_both_forms_of_a_certificates_id_hold(certificate_id: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "a", certificate_id=certificate_id)
    assert holds(authority, authority.root)


def test_an_intermediate_may_be_sent_or_stand_beside_its_root_or_both(root: Party, tmp_path: Path) -> None:
    between = certify("Between", root)
    silent = clock(tmp_path / "silent", between)
    telling = clock(tmp_path / "telling", between, sends=(between,))
    assert not holds(silent, root.pem)
    for file in permutations((root.pem, between.pem)):
        assert holds(silent, *file)
    for file in ((root.pem,), (root.pem, between.pem)):
        assert holds(telling, *file)


@pytest.mark.parametrize("sent", [(), (0,), (1,), (2,), (0, 2), (2, 1, 0)])
def test_several_intermediates_stand_in_any_order_part_in_the_answer_part_in_the_file(
    sent: tuple[int, ...], root: Party, tmp_path: Path
) -> None:
    links = [certify("First", root)]
    for name in ("Second", "Third"):
        links.append(certify(name, links[-1]))
    authority = clock(tmp_path / "a", links[-1], sends=tuple(links[number] for number in sent))
    rest = [link.pem for number, link in enumerate(links) if number not in sent]
    for file in permutations((root.pem, *rest)):
        assert holds(authority, *file)
    for missing in rest:
        assert not holds(authority, root.pem, *(pem for pem in rest if pem != missing))


def test_of_two_roots_either_leads_on_from_a_certificate_that_both_signed(root: Party, tmp_path: Path) -> None:
    other = certify("Other root")
    between = certify("Between", root)
    crossed = certify("Between", other, key=between.key)
    authority = clock(tmp_path / "a", between)
    for file in permutations((between.pem, crossed.pem)):
        for named in (root, other):
            assert holds(authority, named.pem, *file)
    assert not holds(authority, root.pem, crossed.pem)
    assert not holds(authority, other.pem, between.pem)


def test_a_root_that_another_root_signed_too_is_a_link_in_that_form(root: Party, tmp_path: Path) -> None:
    young = certify("Young root")
    crossed = certify("Young root", root, key=young.key)
    authority = clock(tmp_path / "a", young)
    assert holds(authority, young.pem)
    assert holds(authority, root.pem, crossed.pem)
    assert holds(authority, young.pem, crossed.pem)
    assert not holds(authority, root.pem)


def test_certificates_of_one_name_and_other_keys_do_not_stand_in_each_others_way(root: Party, tmp_path: Path) -> None:
    old, new = certify("Between", root), certify("Between", root)
    twin = certify("Root")
    for number, between in enumerate((old, new)):
        authority = clock(tmp_path / str(number), between)
        for file in permutations((root.pem, twin.pem, old.pem, new.pem)):
            assert holds(authority, *file)
    assert refused(clock(tmp_path / "x", old), root.pem, new.pem) == (
        "its certificate 'Clock' was issued by 'Between', and by another key than is in the certificate of that name"
    )


def test_an_expired_intermediate_is_named_and_its_renewal_holds(root: Party, tmp_path: Path) -> None:
    expired = certify("Between", root, days=(-20, -5))
    renewed = certify("Between", root, key=expired.key)
    authority = clock(tmp_path / "a", renewed)
    assert re.fullmatch(
        r"its certificate 'Between' was valid from \S+Z to \S+Z, not at its time, \S+Z",
        refused(authority, root.pem, expired.pem),
    )
    for file in permutations((expired.pem, renewed.pem)):
        assert holds(authority, root.pem, *file)
    young = certify("Between", root, key=expired.key, days=(5, 20))
    assert not holds(authority, root.pem, young.pem)


def test_an_expired_root_is_named(tmp_path: Path) -> None:
    root = certify("Root", days=(-20, -5))
    assert refused(clock(tmp_path / "a", root), root.pem).startswith("its certificate 'Root' was valid from ")


def test_a_clocks_own_certificate_may_be_the_root(tmp_path: Path) -> None:
    authority = clock(tmp_path / "a", None)
    assert holds(authority, authority.root)
    other = clock(tmp_path / "b", None)
    assert refused(authority, other.root) == "its certificate 'Clock' is none that you named"


ALONE: dict[str, Callable[[Party], Party]] = {
    "an intermediate": lambda root: certify("Between", root),
    "one that calls itself by its issuer's name": lambda root: certify("Root", root),
    "the clock's own": lambda root: certify("Clock", root, ca=False, purpose=ExtendedKeyUsageOID.TIME_STAMPING),
}


@pytest.mark.parametrize("kind", ALONE)
def test_what_another_key_signed_is_no_anchor(kind: str, root: Party, tmp_path: Path) -> None:
    """Whoever names an intermediate alone has not said that they trust what it leads to."""
    alone = ALONE[kind](root)
    authority = clock(tmp_path / "a", alone, sends=(alone, root))
    assert not is_root(alone.certificate)
    assert not holds(authority, alone.pem)
    with pytest.raises(MalformedError) as caught:
        require_root(parse_authorities(alone.pem, what="alone.pem"), what="alone.pem")
    assert caught.value.code == "timestamp/authority"
    assert caught.value.message.startswith(
        "alone.pem has no root certificate, which is one that its own key signed, but "
    )
    assert ", issued by 'Root'" in caught.value.message
    require_root(parse_authorities(alone.pem + root.pem, what="both"), what="both")


def test_no_link_leads_to_a_root_that_was_not_named(root: Party, tmp_path: Path) -> None:
    """Neither by a name that it borrowed nor with a root that it brings along."""
    stranger = certify("Root")
    between = certify("Between", stranger)
    for sends in ((between,), (between, stranger), (stranger, root)):
        authority = clock(tmp_path / str(len(list(tmp_path.iterdir()))), between, sends=sends)
        assert not holds(authority, root.pem, between.pem)
        assert holds(authority, stranger.pem, between.pem)


def weakly(folder: Path, name: str, by: Party | None) -> Party:
    """A certificate that is signed by way of SHA-1, as old authorities are, which `cryptography` does not verify."""
    party = certify(name, by)
    folder.mkdir()
    issuer = party if by is None else by
    (folder / "key").write_bytes(party.key_pem)
    (folder / "ca.key").write_bytes(issuer.key_pem)
    (folder / "ca").write_bytes(issuer.pem)
    (folder / "ext").write_text("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n")
    ask = ["openssl", "req", "-new", "-key", "key", "-subj", f"/CN={name}", "-out", "csr"]
    sign = ["openssl", "x509", "-req", "-in", "csr", "-sha1", "-days", "5", "-extfile", "ext", "-out", "cert"]
    own = ["-signkey", "key"] if by is None else ["-CA", "ca", "-CAkey", "ca.key", "-set_serial", "7"]
    for command in (ask, [*sign, *own]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return Party(party.key, x509.load_pem_x509_certificate((folder / "cert").read_bytes()))


def test_links_of_old_authorities_are_left_to_openssl(root: Party, tmp_path: Path) -> None:
    old = weakly(tmp_path / "old", "Between", root)
    with pytest.raises(ValueError, match="Unsupported"):
        old.certificate.verify_directly_issued_by(root.certificate)
    silent, telling = clock(tmp_path / "silent", old), clock(tmp_path / "telling", old, sends=(old,))
    for file in permutations((root.pem, old.pem)):
        assert holds(silent, *file)
        assert holds(telling, *file)
    assert holds(telling, root.pem)
    stranger = certify("Root")
    assert not holds(silent, stranger.pem, old.pem)
    below = weakly(tmp_path / "root", "Old root", None)
    assert holds(clock(tmp_path / "own", below), below.pem)


def test_what_an_authority_sends_is_no_anchor_by_a_signature_that_nobody_verified(tmp_path: Path) -> None:
    """OpenSSL takes a certificate of its issuer's name for a root, if it is among those that it is to trust."""
    root = certify("Root", identified=True)
    forged = weakly(tmp_path / "forged", "Root", None)
    authority = clock(tmp_path / "a", forged, sends=(forged,), identified=True)
    assert holds(authority, forged.pem)
    assert not holds(authority, root.pem)
    assert not holds(authority, root.pem, certify("Between", root).pem)


def test_what_may_not_issue_certificates_is_no_link(root: Party, tmp_path: Path) -> None:
    customer = certify("Customer of the root", root, ca=False)
    authority = clock(tmp_path / "a", customer, sends=(customer,))
    assert not holds(authority, root.pem, customer.pem)
    issuer = certify("Customer of the root", root, key=customer.key)
    for file in permutations((customer.pem, issuer.pem)):
        assert holds(authority, root.pem, *file)
    short = certify("Short", root, length=0)
    below = certify("Below", short)
    assert refused(clock(tmp_path / "b", below), root.pem, short.pem, below.pem) == (
        "its certificates do not hold: path length constraint exceeded"
    )


def test_a_missing_link_is_named(root: Party, tmp_path: Path) -> None:
    first = certify("First", root)
    second = certify("Second", first)
    authority = clock(tmp_path / "a", second)
    where = "whose certificate is neither in it nor among those that you named"
    assert refused(authority, root.pem) == f"its certificate 'Clock' was issued by 'Second', {where}"
    assert refused(authority, root.pem, second.pem) == (
        f"its certificate 'Clock' leads to 'Second', which was issued by 'First', {where}"
    )
    assert refused(authority, certify("Another").pem, second.pem, first.pem) == (
        f"its certificate 'Clock' leads to 'First', which was issued by 'Root', {where}"
    )


def test_a_ring_of_certificates_comes_to_an_end(root: Party, tmp_path: Path) -> None:
    left, right = certify("Left"), certify("Right")
    ring = [certify("Left", right, key=left.key), certify("Right", left, key=right.key)]
    authority = clock(tmp_path / "a", left, sends=tuple(ring))
    assert not holds(authority, root.pem, *(party.pem for party in ring))
    assert holds(authority, left.pem, *(party.pem for party in ring))


@pytest.mark.parametrize("purpose", [ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.SERVER_AUTH])
def test_a_certificate_for_another_purpose_is_no_clock(
    purpose: x509.ObjectIdentifier, root: Party, tmp_path: Path
) -> None:
    """The same key, name and number: only what the certificate is for differs, in as many bytes."""
    authority = clock(tmp_path / "a", root)
    own = x509.load_pem_x509_certificate(authority.root)
    der = own.public_bytes(serialization.Encoding.DER)
    key = serialization.load_pem_private_key((authority.folder / "key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    asked = query(SIGNATURE)
    response = authority.answer(asked.body)
    assert response.count(der) == 1

    def other(of: x509.ObjectIdentifier) -> bytes:
        for _ in range(200):  # a signature of ECDSA has no fixed length
            made = certify("Clock", root, key=key, ca=False, purpose=of, serial=own.serial_number)
            if len(found := made.certificate.public_bytes(serialization.Encoding.DER)) == len(der):
                return found
        raise AssertionError("no certificate came out as long as the other")

    roots = parse_authorities(root.pem, what="roots")
    assert check_answer(asked, response.replace(der, other(ExtendedKeyUsageOID.TIME_STAMPING)), roots)
    with pytest.raises(VerificationError) as caught:
        check_answer(asked, response.replace(der, other(purpose)), roots)
    assert (caught.value.code, "purpose" in caught.value.message) == ("timestamp/invalid", True)
