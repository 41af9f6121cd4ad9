"""What stands behind a bundle is said in plain words, and never left out."""

import pytest

from daytrader_ray.cli.verdict_view import sentence, verdict_of, warning
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.models.bundle import SearchVerdict


def test_a_bundle_that_nothing_proves_is_warned_of_and_a_proved_one_is_not():
    assert "no search has tested it" in warning(SearchVerdict())
    assert "'not significant'" in warning(SearchVerdict("search-1", "not significant", "Not significant."))
    assert warning(SearchVerdict("search-1", "significant", "Significant: ...")) == ""


def test_the_sentence_names_the_search_that_says_it():
    assert sentence(SearchVerdict("search-1", "too short", "Too short.")) == "verdict of search-1: Too short."
    assert sentence(SearchVerdict()) == "No search stands behind it."


def test_a_bundle_that_is_refused_has_no_verdict(tmp_path):
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        verdict_of(str(tmp_path), "0123456789abcdef")
