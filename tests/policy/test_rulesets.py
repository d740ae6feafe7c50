"""Policies as TOML: what is refused, with its line; and what names a policy."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from attest.documents import parse_time
from attest.errors import MalformedError
from attest.policy.rulesets import MAX_POLICY_BYTES, load_ruleset, parse_policy, ruleset_names, ruleset_source
from attest.policy.terms import Span

HEAD = """\
id = "own"
version = "1"
title = "One's own"
jurisdiction = "JP"
currency = "JPY"
currency_decimals = 0
authority_status = "tool_example"
as_of = "2026-11-22"
spot_max_age = "1 hour"
mean_max_age = "35 days"
accounts_max_age = "18 months"
"""
RULE = """
[[rules]]
id = "a"
kind = "coverage"
citation = "x"
min_ratio = "1"
"""
SECOND = """
# [[rules]] in a comment
[[rules]]
id = "b"
citation = \"\"\"two lines, of which one is no table: \\
[[rules]]\"\"\"
kind = "wallet-ratio"
storage = [
    "cold",
    "warm",
]
measure = "value"
share_of = "held"
at_least = "9/10"
price_basis = "spot"
"""
# HEAD is lines 1 to 11, RULE 12 to 17, SECOND from 18 on.
REFUSED = {
    "unknown kind": (
        HEAD + RULE.replace("coverage", "covrage"),
        "line 15: rule a: kind: unknown 'covrage'; there are ",
    ),
    "no kind": (HEAD + RULE.replace('kind = "coverage"\n', ""), "line 13: rule a: 'kind' is missing"),
    "unknown key of a rule": (HEAD + RULE + 'at_most = "1"\n', "line 18: rule a: at_most: unknown field"),
    "unknown key": ("x = 1\n" + HEAD + RULE, "line 1: x: unknown field"),
    "missing key": (HEAD + RULE.replace('min_ratio = "1"\n', ""), "line 13: rule a: min_ratio: missing"),
    "bad item of a list": (HEAD + RULE + SECOND, "line 25: rule b: storage[1]: "),
    "float": (HEAD + RULE.replace('"1"', "1.0"), "line 17: rule a: min_ratio: must be a string"),
    "negative": (HEAD + RULE.replace('"1"', '"-1"'), "line 17: rule a: min_ratio: '-1' is not a number like"),
    "date of TOML": (
        HEAD + RULE + "effective_from = 2026-01-01\n",
        "line 18: rule a: effective_from: write it as a string",
    ),
    "no day": (
        HEAD + RULE + 'effective_from = "20260101"\n',
        "line 18: rule a: effective_from: '20260101' is not a day",
    ),
    "no span": (HEAD.replace("1 hour", "soon") + RULE, "line 9: spot_max_age: "),
    "no status": (HEAD.replace("tool_example", "law") + RULE, "line 7: authority_status: "),
    "rule twice": (HEAD + RULE + RULE, "the policy: rule a stands there twice"),
    "both bounds": (
        HEAD + SECOND.replace('"warm"', '"hot"') + 'at_most = "1"\n',
        "rule b: it needs either at_most or at_least",
    ),
    "tier without a rule": (
        HEAD + '[tier]\nauthority_status = "bill"\ncitation = "x"\nlowest = "1"\nhighest = "1"\n'
        '[tier.posture]\npoints = { x = 1 }\nsteps = [{ at_least = 0, multiplier = "1" }]\n' + RULE,
        "there is a [tier] table, and no tiered rule",
    ),
    "no rules": (HEAD + "rules = []\n", "line 12: rules: "),
    "not TOML": (HEAD + "[[rules\n", "(at line 12, column "),
    "not text": (HEAD + RULE, "is text in UTF-16"),
    "nested too deep": ("x = " + "[" * 5000, "nested deeper than 32 levels"),
    "tables nested too deep": ("x = " + "{x=" * 5000, "nested deeper than 32 levels"),
    "keys nested too deep": ("x" + ".x" * 30_000 + " = 1", "tables, arrays and dots in so few bytes"),
    "too large": (HEAD + RULE + "#" * MAX_POLICY_BYTES, "bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_wrong_is_told_with_its_line_and_rule(case: str, newline: str) -> None:
    text, told = REFUSED[case]
    data = text.replace("\n", newline).encode("utf-16" if case == "not text" else "utf-8")
    with pytest.raises(MalformedError) as caught:
        parse_policy(data, "own.toml")
    assert caught.value.message.startswith("own.toml")
    assert told in caught.value.message, caught.value.message
    assert caught.value.details == ()


def test_everything_that_is_wrong_is_told() -> None:
    with pytest.raises(MalformedError) as caught:
        parse_policy((HEAD + RULE.replace('"1"', '"x"') + "y = 1\n").encode(), "own.toml")
    assert [
        text.partition(":")[0] for text in (caught.value.message.removeprefix("own.toml: "), *caught.value.details)
    ] == [
        "line 17",
        "line 18",
    ]


BAND = """
[[rules]]
id = "band"
kind = "band"
citation = "x"
of = "a"
figure = "required"
floor = 1
accepts = {}
"""


@pytest.mark.parametrize("text", [BAND + RULE, RULE + BAND, RULE + BAND.replace("required", "ceiling"), BAND])
def test_a_band_is_of_a_rule_before_it_that_has_the_figure(text: str) -> None:
    with pytest.raises(MalformedError, match="rule band: no rule a before it gives a figure"):
        parse_policy((HEAD + text).encode(), "own.toml")


STEPS = """
[tier]
authority_status = "bill"
citation = "x"
lowest = "1"
highest = "2"
"""


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("", "it needs a size, volume or posture table"),
        ('size = { price_basis = "spot", steps = [{ at_least = 1, multiplier = "1" }] }', "is not at_least = 0"),
        (
            (
                'size = { price_basis = "spot", steps = [{ at_least = 0, multiplier = "2" }, '
                '{ at_least = 1, multiplier = "1" }] }'
            ),
            "a multiplier falls",
        ),
        (
            (
                'posture = { points = { x = 1 }, steps = [{ at_least = 0, multiplier = "1" }, '
                '{ at_least = 1, multiplier = "2" }] }'
            ),
            "a multiplier rises",
        ),
        (
            (
                'posture = { points = { x = 1 }, steps = [{ at_least = 0, multiplier = "1" }, '
                '{ at_least = 0, multiplier = "1" }] }'
            ),
            "do not ascend",
        ),
    ],
)
def test_tiers_never_reward_size_or_punish_security(table: str, told: str) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_policy((HEAD + STEPS + table + "\n" + RULE).encode(), "own.toml")
    assert told in caught.value.message


def test_a_policy_is_named_by_what_it_says_and_not_by_how() -> None:
    first = parse_policy((HEAD + RULE).encode(), "a")
    again = parse_policy((HEAD + "# more\n" + RULE.replace('"1"', '"2/2"')).encode(), "b")
    assert first.sha256 == again.sha256
    assert first.sha256 != parse_policy((HEAD + RULE.replace('"1"', '"1.1"')).encode(), "c").sha256
    form = (
        b'{"accounts_max_age":"18 months","as_of":"2026-11-22","authority_status":"tool_example","currency":"JPY",'
        b'"currency_decimals":0,"id":"own","jurisdiction":"JP","mean_max_age":"35 days","rules":[{"citation":"x",'
        b'"id":"a","kind":"coverage","min_ratio":"1"}],"spot_max_age":"1 hour","title":"One\'s own","version":"1"}'
    )
    assert first.sha256 == sha256(form).digest()


@pytest.mark.parametrize("name", ruleset_names())
def test_a_rule_set_has_the_name_of_its_file_and_says_where_it_is_from(name: str) -> None:
    policy = load_ruleset(name)
    assert policy.id == name
    assert all(rule.citation for rule in policy.rules)
    assert type(policy).from_json(policy.to_bytes(), what=name, max_bytes=10**6) == policy


def test_the_template_has_every_kind_and_every_key_of_its_rules() -> None:
    from typing import get_args

    from attest.policy.model import Rule

    rules = {rule.kind: rule.model_fields_set for rule in load_ruleset("template").rules}
    text = ruleset_source("template").decode()
    for kind in get_args(Rule):
        (name,) = get_args(kind.model_fields["kind"].annotation)
        assert name in rules
        assert all(field in text for field in kind.model_fields)


def test_only_law_is_called_law() -> None:
    assert {name: load_ruleset(name).authority_status for name in ruleset_names()} == {
        "ae-vara": "in_force",
        "eu-mica-casp": "in_force",
        "hk-sfc-vatp": "in_force",
        "jp-fiea-175": "in_force",
        "jp-psa-in-force": "in_force",
        "jp-reserve-draft": "tool_example",
        "kr-vaupa": "in_force",
        "template": "tool_example",
    }
    draft = load_ruleset("jp-reserve-draft")
    assert {draft.status_of(rule) for rule in draft.rules} == {"tool_example"}
    assert "NOT LAW" in draft.title


def test_an_unknown_rule_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MalformedError) as caught:
        load_ruleset("../jp")
    assert "jp-psa-in-force" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("span", "before", "after"),
    [
        ("5 minutes", "2026-08-31T11:55:00Z", "2026-08-31T12:05:00Z"),
        ("1 month", "2026-07-31T12:00:00Z", "2026-09-30T12:00:00Z"),
        ("6 months", "2026-02-28T12:00:00Z", "2027-02-28T12:00:00Z"),
        ("35 days", "2026-07-27T12:00:00Z", "2026-10-05T12:00:00Z"),
    ],
)
def test_a_span_leads_to_the_day_that_people_mean(span: str, before: str, after: str) -> None:
    time = parse_time("2026-08-31T12:00:00Z")
    assert (Span(span).before(time), Span(span).after(time)) == (parse_time(before), parse_time(after))


def test_a_span_beyond_the_calendar_ends_with_it() -> None:
    time = parse_time("2026-08-31T12:00:00Z")
    assert Span("99999 months").before(time) == datetime.min.replace(tzinfo=UTC)
    assert Span("99999 months").after(time) == datetime.max.replace(tzinfo=UTC)
