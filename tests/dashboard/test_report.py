import re

import pytest

from daytrader_ray.dashboard.report import POLICY, render
from tests.dashboard.pages import Page
from tests.dashboard.results import result


@pytest.fixture(scope="module")
def text() -> str:
    return render(result())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_fetched_from_anywhere(text: str, page: Page) -> None:
    assert page.fetches == []
    assert not {"link", "iframe", "img", "object", "embed", "base"} & set(page.tags)
    assert not [style for style in page.styles if re.search(r"url\(|@import", style)]
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in text
    assert "connect-src" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert "http" not in POLICY
    assert text.index("Content-Security-Policy") < text.index("<script")


def test_the_verdict_stands_before_everything_else(text: str, page: Page) -> None:
    body = text[text.index("<body>") :]
    assert body.index("Too short: 4 days.") < body.index("<table")
    assert body.index("Too short: 4 days.") < body.index("best ensemble")


def test_every_ensemble_and_baseline_has_a_row_and_a_curve(text: str) -> None:
    assert len(re.findall(r"data-trace='\d+'", text)) == 34
    assert text.count('"opacity":') == 34
    assert text.count('"dash":"dash"') == 2
    assert len(re.findall(r"<th[^>]*aria-sort=descending", text)) == 1


def test_left_out_inputs_windows_and_the_warning_are_in_plain_words(page: Page) -> None:
    words = " ".join(page.words)
    assert "correlation of SPY with QQQ" in words
    assert "level of the VIX" in words
    assert "Trading can lose money" in words
    assert "In 1 of them no signal paid its cost" in words
    assert "2025-10-20" in words


def test_the_baselines_and_the_scheme_are_named_and_each_model_alone_has_its_skill(text: str) -> None:
    assert "beats logistic and boosting: 1.00 against &lt;b&gt;." in text
    assert "baseline</i></span> boosting" in text
    assert "Scheme 'skill': members are weighed by skill on validation" in text
    row = text[text.index("<td>XGBoost</td>") :].partition("</tr>")[0]
    assert row.startswith("<td>XGBoost</td><td>+0.005</td><td>1 of 2</td><td>50.0 %</td>")
    assert row.count("height='0.500'") == 2
    alone = text[text.index("<td>logistic regression, a baseline</td>") :].partition("</tr>")[0]
    assert "<td>+0.015</td><td>1 of 2</td><td>\u2013</td>" in alone
    assert "12,345 labels: 31.0 % down, 36.0 % flat, 33.0 % up" in text


def test_windows_tell_what_opens_a_position(text: str) -> None:
    assert "<td data-value='0.0001624'>0.000162</td><td>0.8, 1</td><td>60%, 30%, 10%</td>" in text
    assert "<td data-value=''>\u2013</td><td>\u2013</td><td>60%, 30%, 10%</td>" in text
    assert "In 1 of them validation had fewer than 3 round trips a day" in text
    assert "Weights by regime" not in text and "Regret" not in text


def test_weights_by_regime_regret_and_notes_are_told_where_the_scheme_has_them() -> None:
    found = result()
    best = next(trial for trial in found["trials"] if trial["mask"] == found["best"]["mask"])
    own = {"note": "equal: 4 of 12 steps known", "regret": 1.25, "regret_bound": 9.5}
    best["windows"] = [window | own for window in best["windows"]]
    found["settings"] = {"search": {"seed": 7, "ensemble": {"scheme": "regime"}}}
    page = render(found)
    assert "<li>window 2: equal: 4 of 12 steps known</li>" in page
    assert "window by window: 1.25 of at most 9.5, 1.25 of at most 9.5." in page
    table = page[page.index("Weights by regime") :].partition("</table>")[0]
    assert "<th scope=col>unknown</th><th scope=col>trending</th>" in table
    assert table.count("<td>LSTM 50%, XGB 50%</td>") == 8


def test_a_model_whose_scores_order_nothing_is_called_constant() -> None:
    found = result()
    lstm = next(trial for trial in found["trials"] if trial["mask"] == 1)
    lstm["windows"] = [{**lstm["windows"][0], "member_ic": [ic] * 7} for ic in (None, 0.0)]
    page = render(found)
    assert "<td>LSTM</td><td>constant, learnt nothing</td><td>0 of 1</td>" in page
    assert page.count("constant, learnt nothing") == 1


def test_text_from_the_result_cannot_become_markup() -> None:
    nasty = render(result(sentence="<script>alert(1)</script>"))
    assert "<script>alert(1)" not in nasty


def test_the_page_says_dash_where_there_is_no_figure(page: Page) -> None:
    assert "None" not in " ".join(page.words)
    assert "nan" not in " ".join(page.words)
