"""The end of a month: its statement written down, signed, verified and published, by this run or by the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from attest.attestation.bundle import MAX_BUNDLE_BYTES, Bundle, parse_bundle
from attest.attestation.files import STATEMENT_FILE
from attest.attestation.statement import MAX_PAYLOAD_BYTES, PAYLOAD_TYPE, parse_statement, statement_digest
from attest.errors import MalformedError, VerificationError
from attest.exchange.months import Before, previous, published, published_months
from attest.exchange.own_keys import Own
from attest.exchange.publishing.payloads import PayloadRecord, PayloadTakenError
from attest.exchange.publishing.unfinished import Names, Unfinished
from attest.exchange.surroundings import Surroundings
from attest.files import read_beside, read_listed, reason, write_file
from attest.signing.envelope import Envelope, sign
from attest.signing.keys import PublicKey, Signer, Signs
from attest.signing.trust import Trust
from attest.verification.anchors import Anchors, Files, Known, Sources
from attest.verification.signatories import check_counts
from attest.verification.verified import Verified, with_signatures
from attest.verification.verify import verify


class Outcome(NamedTuple):
    """What a run wrote, and what anyone will find when verifying it."""

    bundle: Path
    publication: Path
    private: Path
    verified: Verified


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs the months of one chain of statements: its key and trust roots, and the record of what it signed.

    `names` are the folders that hold those of the months.
    """

    own: Own
    record: PayloadRecord
    names: Names
    origin: str
    custodians: Mapping[str, PublicKey]
    around: Surroundings

    def before(self, period: str) -> Before:
        """The statement that was published last of a month before `period`. Raises `AttestError`."""
        return previous(self.names.publication, period, self.own.keys, self.origin)

    def settle_record(self, *, new: bool) -> None:
        """See that the record has the month that was published last; a `new` one gets all of them.

        Raises `AttestError`.
        """
        months = published_months(self.names.publication)
        if new:
            self.record.begin([self._published(month) for month in months], self.around.now)
        elif months:
            self.record.require(statement_digest(self._published(months[-1])), months[-1])

    def _published(self, month: str) -> bytes:
        bundle = published(self.names.publication, month, self.own.keys, self.origin).bundle
        return parse_bundle(bundle or b"").envelope.payload

    def check(self, payload: bytes, files: Files, before: Before) -> Verified:
        """What anyone will find who verifies `payload`, but for whose signatures count.

        A key made for this signs it, so that what fails is found before the exchange's key is asked. Raises
        `AttestError`, also when a signature of the exchange's key would not count.
        """
        predicate = parse_statement(payload).predicate
        if predicate.entity.origin != self.origin:
            raise VerificationError(
                "run/origin",
                f"the statement of {predicate.period} is of {predicate.entity.origin}, not of {self.origin}",
            )
        if before.digest != predicate.previous:
            raise VerificationError(
                "run/previous",
                f"the statement of {predicate.period} follows another one than that which was published last in "
                f"{self.names.publication}",
                hint="put back what was published when it was made",
            )
        if self.own.roots:
            trust = Trust.pin(self.own.roots[0]).followed_by(self.own.roots)
            check_counts(trust, "exchange", self.own.signer.public, issued_at=predicate.issued_at)
        trial = Signer.generate("ed25519")
        return verify(
            _bundle(payload, trial),
            Anchors.keys([trial.public, *self.own.keys]),
            now=self.around.now,
            sources=Sources(files),
            known=Known(previous=before.bundle, custodians=self.custodians),
        )

    def stays(self, unfinished: Unfinished) -> bool:
        """Whether its payload was written down, so that nothing else may ever be signed in its place."""
        if unfinished.is_signed():
            return True
        payload = unfinished.payload()
        return payload is not None and self.record.holds(statement_digest(payload))

    def unfit(self, unfinished: Unfinished) -> str | None:
        """Why a payload that was never written down cannot be signed any more; None where it can, or was.

        Raises `UnavailableError` when that cannot be told.
        """
        payload = unfinished.payload()
        if payload is None or self.stays(unfinished):
            return None
        try:
            predicate = parse_statement(payload).predicate
            self.record.refuse_second(predicate.sequence, predicate.period)
            self.check(payload, unfinished.file, self.before(unfinished.period))
        except (VerificationError, MalformedError, PayloadTakenError) as error:
            return error.message
        return None

    def finish(self, unfinished: Unfinished, journal: Path, checked: Verified | None = None) -> Outcome:
        """Publish the month whose payload is in `unfinished`; signed is that one, and written down before.

        `checked` is what `check` found of it, if it was run; the `journal` of its reading has served. On an error it
        stays as it is, and the next run goes on with it. Raises `AttestError`.
        """
        period = unfinished.period
        names = Names(self.names.private / period, self.names.publication / period)
        signed = None
        try:
            if unfinished.intended() is None:
                signed = self._sign(unfinished, names, checked)
            self._remove(journal)
            unfinished.give_names(names, self.around.tell)
        except BaseException:
            if unfinished.path.exists() and self.stays(unfinished):
                self.around.tell(
                    f"the statement of {period} is kept in {unfinished.path}: the next run goes on with that one"
                )
            raise
        bundle = names.publication / unfinished.bundle.name
        if signed is None:
            signed = self._verify(read_listed(names.publication, bundle.name, MAX_BUNDLE_BYTES), names.file, period)
        return Outcome(bundle, names.publication, names.private, signed)

    def _sign(self, unfinished: Unfinished, names: Names, checked: Verified | None) -> Verified:
        """Sign, unless it was, and verify what will be published; then nothing is left to do but to name it."""
        payload = read_listed(unfinished.private, STATEMENT_FILE, MAX_PAYLOAD_BYTES)
        bundle = read_beside(unfinished.publication, unfinished.bundle.name, MAX_BUNDLE_BYTES)
        if bundle is None:
            if checked is None:
                checked = self._check_again(payload, unfinished)
            self.record.add(payload, self.around.now)
            self.around.tell("signing and verifying")
            bundle = _bundle(payload, self.own.signer, self.own.roots[1:])
        if checked is None:
            signed = self._verify(bundle, unfinished.file, unfinished.period)
        else:
            signed = with_signatures(checked, self._verify(bundle, lambda _: None, unfinished.period))
        write_file(unfinished.bundle, bundle, force=True)
        unfinished.intend(names)
        return signed

    def _check_again(self, payload: bytes, unfinished: Unfinished) -> Verified:
        try:
            return self.check(payload, unfinished.file, self.before(unfinished.period))
        except VerificationError as error:
            raise VerificationError(
                error.code,
                f"the statement of {unfinished.period}, which may have been signed, cannot be published as things are: "
                f"{error.message}",
                hint="put back for this run what has changed since: the key and trust root in the config, the month "
                f"before, or the files in {unfinished.path}",
            ) from None

    def _verify(self, bundle: bytes, files: Files, period: str) -> Verified:
        return verify(
            bundle,
            self.own.anchors,
            now=self.around.now,
            sources=Sources(files),
            known=Known(previous=self.before(period).bundle, custodians=self.custodians),
        )

    def _remove(self, journal: Path) -> None:
        try:
            journal.unlink(missing_ok=True)
        except OSError as error:
            self.around.tell(f"cannot remove {journal}, which has served: {reason(error)}")


def _bundle(payload: bytes, signer: Signs, roots: tuple[Envelope, ...] = ()) -> bytes:
    return Bundle(
        format="attest/bundle/v1",
        envelope=sign(payload, PAYLOAD_TYPE, [signer]),
        timestamps=(),
        trust_roots=roots,
        auditor_reports=(),
    ).to_bytes()
