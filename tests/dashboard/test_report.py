import json
import re
from html import unescape

import pytest

from daytrader_ray.dashboard import report
from daytrader_ray.dashboard.ensembles import Sheet
from daytrader_ray.dashboard.report import POLICY, render
from tests.dashboard.pages import Page
from tests.dashboard.results import large_result, result


def words(text: str) -> str:
    without = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", without)).split())


@pytest.fixture(scope="module")
def text() -> str:
    return render(result()).text


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def large() -> report.Page:
    return render(large_result(), "Synthetic market")


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
    assert len(re.findall(r"data-trace='\d+'", text)) == 35
    assert text.count('"opacity":') == 35
    assert text.count('"dash":"dash"') == 3
    assert len(re.findall(r"<th[^>]*aria-sort=descending", text)) == 1


def test_left_out_inputs_windows_and_the_warning_are_in_plain_words(page: Page) -> None:
    words = " ".join(page.words)
    assert "correlation of SPY with QQQ" in words
    assert "level of the VIX" in words
    assert "Trading can lose money" in words
    assert "In 1 of them no signal paid its cost" in words
    assert "2025-10-20" in words


def test_the_baselines_and_the_scheme_are_named_and_each_model_alone_has_its_skill(text: str) -> None:
    assert "is ahead of logistic and boosting: 1.00 against &lt;b&gt;." in text
    assert "baseline</i></span> boosting" in text
    assert "Scheme 'skill': members are weighed by skill on validation" in words(text)
    row = text[text.index("<td>XGBoost</td>") :].partition("</tr>")[0]
    assert row == "<td>XGBoost</td><td>+0.005</td><td>1 of 2</td><td>50.0 %</td>"
    alone = text[text.index("<td>logistic regression, a baseline</td>") :].partition("</tr>")[0]
    assert "<td>+0.015</td><td>1 of 2</td><td>\u2013</td>" in alone
    assert "12,345 labels: 31.0 % down, 36.0 % flat, 33.0 % up" in text


def test_windows_tell_what_opens_a_position(text: str) -> None:
    assert "<td data-value='0.0001624'>0.000162</td><td>0.8, 1</td><td>skill</td>" in text
    assert "<td data-value=''>\u2013</td><td>\u2013</td><td>skill</td>" in text
    assert "<td data-value='0.25'>0.25</td><td>60%, 30%, 10%</td>" in text
    assert "In 1 of them validation had fewer than 3 round trips a day" in text
    assert "Weights by regime" not in text and "Regret" not in text


def test_weights_by_regime_regret_and_notes_are_told_where_the_scheme_has_them() -> None:
    found = result()
    best = next(trial for trial in found["trials"] if trial["mask"] == found["best"]["mask"])
    own = {"note": "equal: 4 of 12 steps known", "regret": 1.25, "regret_bound": 9.5, "scheme": "regime"}
    best["windows"] = [window | own for window in best["windows"]]
    page = render(found).text
    assert "<li>in 2 of 2 windows: equal: 4 of 12 steps known</li>" in page
    assert "mean 1.25, largest 1.25, never above 9.5." in page
    table = page[page.index("Weights by regime") :].partition("</table>")[0]
    assert "<th scope=col>unknown</th><th scope=col>trending</th>" in table
    assert table.count("<td>LSTM 50%, XGB 50%</td>") == 8


def test_a_model_whose_scores_order_nothing_is_called_constant() -> None:
    found = result()
    lstm = next(trial for trial in found["trials"] if trial["mask"] == 1)
    lstm["windows"] = [{**lstm["windows"][0], "member_ic": [ic] * 7} for ic in (None, 0.0)]
    page = render(found).text
    assert "<td>LSTM</td><td>constant, learnt nothing</td><td>0 of 1</td>" in page
    assert page.count("constant, learnt nothing") == 1


def test_text_from_the_result_cannot_become_markup() -> None:
    nasty = render(result(sentence="<script>alert(1)</script>")).text
    assert "<script>alert(1)" not in nasty


def test_the_page_says_dash_where_there_is_no_figure(page: Page) -> None:
    assert "None" not in " ".join(page.words)
    assert "nan" not in " ".join(page.words)


def test_fifty_windows_of_thirty_five_trials_stay_small(large: report.Page) -> None:
    assert len(large.text) < 6_000_000


def test_sections_come_in_the_order_in_which_a_trader_asks(large: report.Page) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", large.text)
    assert titles == [
        "Against what anybody can have", "Equity of all ensembles", "Every ensemble in every window", "32 ensembles",
        "What costs and size change", "Does the best stay the best?", "Windows of the best ensemble", "Regimes",
        "Features the models saw", "What the models' skill rested on", "Hoped for and found",
        "All figures of the best ensemble", "Every number", "How it was made", "Before you trade",
    ]  # fmt: skip
    body = large.text[large.text.index("<body>") :]
    assert body.index("Synthetic market") < body.index("not significant") < body.index("deflated Sharpe ratio")
    assert body.index("deflated Sharpe ratio") < body.index("<h2>")


def test_the_five_numbers_say_what_was_wanted_and_what_they_mean(large: report.Page) -> None:
    told = words(large.text)
    assert "0.410 deflated Sharpe ratio over 0.95 wanted: missed" in told
    assert "luckiest of 45 tries without skill shows: all different curves of this search and 14 earlier" in told
    assert "weak where few days trade (here 248 of 250 did)" in told and "looked at" not in told
    assert "0.210 p value under 0.05 wanted: missed" in told
    assert "38.0 % probability of overfitting of the splits" in told
    assert "510 days minimum track record 250 days known: not enough" in told
    assert "1.21 Sharpe ratio a year 95 %: \u22120.62 to 2.87" in told


def test_a_figure_near_its_threshold_shows_its_side_and_looks_are_said_beside_it() -> None:
    found = large_result()
    found["statistics"] |= {"dsr": 0.9501, "spa": 0.0501, "looks": 4}
    found["statistics"]["pbo"] |= {"value": 0.49}
    text = render(found).text
    told = words(text)
    assert "0.9501 deflated Sharpe ratio over 0.95 wanted: met" in told
    assert "0.0501 p value under 0.05 wanted: missed" in told
    assert "They were looked at 4 times: that is not counted." in told
    card = text[text.index("<b>49.0 %</b>") :].partition("</div>")[0]
    assert "mark muted" in card, "no share of splits is good or bad: no threshold decides"


def test_the_heat_map_has_a_cell_for_every_trial_in_every_window(large: report.Page) -> None:
    told = large.text[large.text.index("Every ensemble in every window") :]
    assert "50 windows tell as much as 12.1 that do not; their training overlaps all the same" in told
    rows = json.loads(re.search(r'"y":(\["[^\]]*"\])', told)[1])
    assert len(rows) == 35 and {"L··X·", "cash", "equal", "boosting"} < set(rows)


def test_a_curve_of_many_days_has_a_band_and_that_of_a_few_has_none(large: report.Page, text: str) -> None:
    assert '"fill":"toself"' in large.text and "95 of 100 curves" in large.text
    assert '"fill":"toself"' not in text and "95 of 100 curves" not in text


def test_an_ensemble_leads_to_its_tear_sheet_or_to_the_command_that_makes_it() -> None:
    sheets = {9: Sheet("backtest-1", written=True), 3: Sheet("backtest-2", written=False)}
    text = render(result(), sheets=sheets).text
    assert Page(text).fetches == [("a", "../runs/backtest-1/report.html")]
    assert "<code class='copy'>daytrader report --run backtest-2</code>" in text
    assert text.count("<code class='copy'>daytrader backtest --mask ") == 32
    assert f"<code class='copy'>daytrader backtest --mask 12 --search {result()['id']}</code>" in text


def test_costs_of_no_and_of_double_size_and_the_capacity_are_told(large: report.Page, text: str) -> None:
    assert "With about 1,600,000 USD impact halves the Sharpe ratio" in large.text
    told = words(text)
    assert (
        "Spread USD Impact USD Fees USD All USD Traded USD bps Of gross profit 8.00 4.00 2.00 14.00 20,000 7.00" in told
    )
    none = result()
    none["best"]["capacity"]["sharpe"] = [None] * 4
    assert "Too few sessions for a Sharpe ratio that size could halve" in render(none).text


def test_regimes_tell_what_was_earned_in_each(text: str) -> None:
    assert "trending 33.3 % 6 24.00 4.00 2 of 2" in words(text)
    assert "crisis 33.3 % 0 0.00 \u2013 0 of 0" in words(text)


def test_weights_are_drawn_over_the_windows_and_a_long_table_of_windows_is_folded(
    large: report.Page, text: str
) -> None:
    assert "All 50 windows, one by one" in large.text and "windows, one by one" not in text
    assert "Scheme chosen anew in each window: " in large.text
    assert large.text.count('"name":"LSTM"') == 1


def test_where_the_best_ensemble_lost_the_choice_is_no_evidence() -> None:
    found = large_result()
    found["statistics"]["pbo"]["evidence"] = False
    told = words(render(found).text)
    assert "not evidence: the best ensemble lost" in told
    assert "Not evidence: the best ensemble lost money, and differences in cost" in told


def test_of_a_few_days_what_is_not_known_is_said_so(text: str) -> None:
    told = words(text)
    assert "\u2013 deflated Sharpe ratio over 0.95 wanted; not known" in told
    assert "\u2013 probability of overfitting not known" in told
    assert "no length minimum track record means nothing below 120 days" in told
    assert "1.00 Sharpe ratio a year too few days for an interval" in told
    assert "Does the best stay the best?" not in told


def test_what_few_days_seem_to_say_is_struck_out() -> None:
    found = result()
    found["statistics"] |= {"dsr": 0.99, "track_record": 1.2}
    told = words(render(found).text)
    assert "0.990 deflated Sharpe ratio means nothing below 120 days" in told
    assert "Below 120 days no ratio here means anything." in told
    assert "1 days minimum track record means nothing below 120 days" in told
    assert "met" not in told.partition("Significant only where")[0].split()


def test_options_that_windows_chose_and_a_coarser_cadence_are_told_where_there_are_any(text: str) -> None:
    assert "Options of the models" not in text and "Models score every" not in text
    found = result()
    found["settings"]["search"] |= {"tune_members": 4, "score_every_minutes": 5}
    options = {name: {} for name in found["members"]}
    found["kept"] = [{"options": options}, {"options": options | {"xgboost": {"depth": 4, "rounds": 40}}}]
    told = words(render(found).text)
    assert "Of 4 candidates for each model" in told
    assert "LSTM 2 of 2 defaults" in told and "XGBoost 1 of 2 depth 4, rounds 40" in told
    assert "Models score every 5 minutes" in told
