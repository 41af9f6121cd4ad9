"""The look-ahead audit catches every leaky feature of the benchmark and accuses none of their clean twins."""

import pytest

from benchmarks.leak_pairs import PAIRS
from benchmarks.leaks import judged


@pytest.fixture(scope="module")
def leaky():
    return {finding.name: finding for finding in judged(0)}


@pytest.fixture(scope="module")
def clean():
    return {finding.name: finding for finding in judged(1)}


def test_there_are_at_least_twenty_of_each():
    assert len(PAIRS) >= 20


@pytest.mark.parametrize("mistake", PAIRS)
def test_the_leaky_feature_is_caught_and_its_twin_is_not_accused(mistake, leaky, clean):
    assert leaky[mistake].difference is not None
    assert clean[mistake].difference is None
    assert clean[mistake].checked > 10_000
