"""The contract of a selection rule, run over every registered one."""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.features.selection import RULES, Rows, Rule, SelectionConfig
from tests.features.evidence import mixed

OPTIONS = {name: True for name, field in SelectionConfig.model_fields.items() if field.annotation is bool}
CONFIG = SelectionConfig(top=4, **OPTIONS)
"""Everything that can be asked for, asked for."""

EVIDENCE = mixed()
EVERY = np.arange(len(EVIDENCE.names), dtype=np.int64)


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


def test_a_rule_drops_only_what_is_still_kept_and_says_why(rule: Rule) -> None:
    kept = EVERY[[0, 1, 2, 5, 6, 7, 8, 9]]
    dropped = rule(EVIDENCE, kept, CONFIG)
    assert set(dropped) <= set(kept.tolist())
    assert all(type(column) is int and reason.strip() for column, reason in dropped.items())


def test_a_rule_gives_the_same_answer_twice_and_touches_nothing(rule: Rule) -> None:
    here = replace(EVIDENCE, rows=Rows(*(part.copy() for part in EVIDENCE.rows)))
    kept = EVERY.copy()
    assert dict(rule(here, kept, CONFIG)) == dict(rule(here, kept, CONFIG))
    assert kept.tolist() == EVERY.tolist()
    for before, after in zip(EVIDENCE.rows, here.rows, strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_order_of_the_features_does_not_matter(rule: Rule) -> None:
    order = np.random.default_rng(3).permutation(EVERY)
    rows = EVIDENCE.rows._replace(values=np.ascontiguousarray(EVIDENCE.rows.values[:, order]))
    turned = replace(EVIDENCE, names=tuple(EVIDENCE.names[k] for k in order), rows=rows)
    expected = {EVIDENCE.names[column] for column in rule(EVIDENCE, EVERY, CONFIG)}
    assert {turned.names[column] for column in rule(turned, EVERY, CONFIG)} == expected


def test_a_rule_can_take_nothing_at_all(rule: Rule) -> None:
    assert dict(rule(EVIDENCE, EVERY[:0], CONFIG)) == {}
    nothing = replace(EVIDENCE, rows=Rows(*(part[:0] for part in EVIDENCE.rows)), sessions=EVERY[:0], symbols=EVERY[:0])
    assert set(rule(nothing, EVERY, CONFIG)) <= set(EVERY.tolist())


def test_a_rule_drops_what_is_wished_for_only_where_it_has_too_few_values(rule: Rule) -> None:
    wishing = CONFIG.model_copy(update={"keep": EVIDENCE.names})
    few = {3, 4}
    assert set(rule(EVIDENCE, EVERY, wishing)) <= few
    assert set(rule(EVIDENCE, np.setdiff1d(EVERY, [*few]), wishing)) == set()
