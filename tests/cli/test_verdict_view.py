"""What stands behind a bundle is said in plain words, and never left out."""

import json
from types import SimpleNamespace

import pytest

from daytrader_ray.adapters import ledger_store, model_store
from daytrader_ray.cli.verdict_view import sentence, verdict_of, warning
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.models.bundle import SearchVerdict
from tests.dashboard.results import large_result


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


def test_a_bundle_is_judged_by_today_s_ledger_where_its_search_is_stored(tmp_path, monkeypatch):
    told = {"search": "search-1", "label": "significant", "sentence": "Significant: then.", "statistics": {}}
    glanced = SimpleNamespace(refused="", values={"verdict": told})
    monkeypatch.setattr(model_store, "glance", lambda *_: glanced)
    assert verdict_of(str(tmp_path), "any") == SearchVerdict(**told), "its search was made elsewhere"
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/search-1.json").write_text(json.dumps(large_result() | {"id": "search-1"}))
    now = verdict_of(str(tmp_path), "any")
    assert (now.search, now.label) == ("search-1", "not significant") and "different trials" in now.sentence
    (tmp_path / ledger_store.LEDGER).mkdir()
    (tmp_path / ledger_store.LEDGER / "1.json").write_text("{}")
    assert verdict_of(str(tmp_path), "any") == SearchVerdict(**told)
