"""The month of an exchange: from its ledger and chains to a publication folder and a private one.

What a stopped run left is published first; then the five stages of `stages` are gone through.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from attest.errors import MalformedError
from attest.exchange.config import Config
from attest.exchange.months import require_next
from attest.exchange.own_keys import custodian_keys, open_own
from attest.exchange.publishing.finishing import Issuer, Outcome
from attest.exchange.publishing.payloads import alone_with_record, record_path
from attest.exchange.publishing.unfinished import Names, Unfinished, left_with_payload, remove_unfit
from attest.exchange.reading import JOURNAL
from attest.exchange.ready import require_at_hand
from attest.exchange.stages import MonthInputs, attest, ready
from attest.exchange.surroundings import Surroundings
from attest.files import alone_in, real_path
from attest.signing.signers import key_file


def run(config: Config, period: str, around: Surroundings, inputs: MonthInputs) -> Outcome:
    """Attest one `period` (`2026-10`) of the exchange; `around.now` is the time of issue.

    A month that a stopped run left with its payload is published with that payload first, whatever config and options
    say now. Nothing else is left behind on an error but the balances that were read, from which the next run goes on
    at the same blocks. What is signed was verified before. Raises `AttestError`.
    """
    around = replace(around, now=around.now.replace(microsecond=0))
    config.ledger.ended(period, around.now)
    folder = around.folder
    names = Names(folder / config.publication.private_folder, folder / config.publication.folder)
    _keep_apart(names, key_file(config.keys.exchange, folder), record_path(config, folder))
    with alone_with_record(config, f"attest run --period {period}", around) as record:
        unfinished = left_with_payload(names.private, around.tell)
        # Before the key, which may ask for a passphrase, and the chains, which may take an hour.
        if not unfinished:
            _require_possible(config, period, names, inputs.left_out, around)
        own = open_own(config, around, inputs.passphrase)
        issuer = Issuer(own, record, names, config.entity.origin, custodian_keys(config.custodians, folder), around)
        issuer.settle_record(new=inputs.new_record)
        for left in unfinished:
            outcome = _go_on(left, issuer)
            if outcome is not None and left.period == period:
                return outcome
        if unfinished:
            _require_possible(config, period, names, inputs.left_out, around)
        return attest(ready(config, period, issuer, inputs, _journal(names, period)))


def _go_on(left: Unfinished, issuer: Issuer) -> Outcome | None:
    """Publish the month that a stopped run left; None where its payload can be signed no more, and it is removed."""
    tell = issuer.around.tell
    if (why := issuer.unfit(left)) is not None:
        remove_unfit(left, why, tell)
        return None
    tell(f"going on with the statement of {left.period} that a stopped run left in {left.path}")
    with alone_in(left.path, f"another program publishes {left.period}"):
        return issuer.finish(left, _journal(issuer.names, left.period))


def _require_possible(
    config: Config, period: str, names: Names, left_out: Collection[str], around: Surroundings
) -> None:
    """See that the month follows what was published, and that what it needs besides its chains is there."""
    require_next(names.publication, names.private, period, left_out)
    require_at_hand(config, period, around)


def _journal(names: Names, period: str) -> Path:
    return names.private / f"{period}{JOURNAL}"


def _keep_apart(names: Names, key: Path | None, record: Path) -> None:
    """Refuse folders that would publish what is private."""
    published, kept = real_path(names.publication), real_path(names.private)
    apart = [path for path in (key, record) if path is not None]
    if (
        published == kept
        or published in kept.parents
        or kept in published.parents
        or any(published in real_path(path).parents for path in apart)
    ):
        raise MalformedError(
            "config/folders",
            "publication.folder, publication.private_folder, the key and its record must not lie one inside the other",
            hint="all that is in the publication folder is for everyone",
        )
