"""The policies that a month is evaluated by: their files, and the verdicts that its statement says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from attest.attestation.statement import Predicate
from attest.errors import MalformedError
from attest.files import read_bounded
from attest.policy.evaluate import evaluate
from attest.policy.model import Policy
from attest.policy.results import PolicyResults, policy_results
from attest.policy.rulesets import MAX_POLICY_BYTES, parse_policy, ruleset_source
from attest.verification.policies import inputs_of, policy_file_name

if TYPE_CHECKING:
    from attest.exchange.config import Config


class PolicyFile(NamedTuple):
    """A policy, and the file in which it is published beside the bundle."""

    name: str
    data: bytes
    policy: Policy


def read_policies(config: Config, folder: Path) -> list[PolicyFile]:
    """The policies that the config in `folder` names: rule sets of this release, and files. Raises `AttestError`."""
    found: list[PolicyFile] = []
    for name in config.policies.evaluate:
        data = read_bounded(folder / name, MAX_POLICY_BYTES) if name.endswith(".toml") else ruleset_source(name)
        policy = parse_policy(data, name)
        if any(other.policy.id == policy.id for other in found):
            raise MalformedError("config/policy", f"two policies have the id {policy.id}")
        found.append(PolicyFile(policy_file_name(policy.id), data, policy))
    return sorted(found, key=lambda item: item.policy.id)


def verdicts(policies: Iterable[PolicyFile], predicate: Predicate) -> tuple[PolicyResults, ...]:
    """What a statement says of policies, whatever it says of them now. Raises `VerificationError`."""
    inputs = inputs_of(predicate)
    return tuple(policy_results(evaluate(item.policy, inputs)) for item in policies)
