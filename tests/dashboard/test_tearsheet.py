import base64
import dataclasses
import json
import re
import zlib
from html import unescape

import numpy as np
import pytest

from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.verdict import NOT_SIGNIFICANT, TOO_SHORT
from daytrader_ray.dashboard.metrics import METRICS
from daytrader_ray.dashboard.report import POLICY
from daytrader_ray.dashboard.tearsheet.bars import DayBars, SymbolDay, day_asked, extreme_days
from daytrader_ray.dashboard.tearsheet.page import render
from daytrader_ray.domain.errors import ConfigError, DataError
from tests.dashboard.pages import Page
from tests.dashboard.runs import made_run


def words(text: str) -> str:
    without = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", without)).split())


def unpacked(column: dict[str, str]) -> list[str]:
    return zlib.decompress(base64.b64decode(column["data"])).decode().split("\n")


def day_bars(of: SymbolDay) -> DayBars:
    slot = np.arange(390)
    price = 50.0 + 0.01 * slot
    return DayBars(of, slot, price, price + 0.02, price - 0.02, price, np.full(390, 1000.0))


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run(140, 20)


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return render([run], [day_bars(day) for day in extreme_days(run)[:3]]).text


@pytest.fixture(scope="module")
def short() -> str:
    return render([made_run(1, kind="rehearsal")]).text


def test_nothing_is_fetched_from_anywhere(text: str) -> None:
    page = Page(text)
    assert page.fetches == []
    assert not {"link", "iframe", "img", "object", "embed", "base"} & set(page.tags)
    assert not [style for style in page.styles if re.search(r"url\(|@import", style)]
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in text


def test_every_section_that_a_trader_wants_is_there(text: str) -> None:
    titles = re.findall(r"<h[23]>(.*?)</h[23]>", text)
    assert titles == [
        "Equity", "Hoped for and found", "Metrics", "Benchmarks", "Expectations", "All figures", "Months, years, days",
        "Years", "The ten worst drawdowns", "The last 63 sessions, day by day", "How results are spread", "Sessions",
        "Trades", "Holding times", "The average day", "Profit and loss by minute of the day", "Trades by time of day",
        "Exposure by minute of the day", "Exposure", "By sector", "Turnover", "Costs",
        "If costs were other than estimated", "Capacity",
        "What signals are worth", "Decay", "Net edge", "Break-even", "Where it came from",
        "By side, hedges apart",
        "By hour of entry", "By regime at entry", "By reason of exit", "By sector", "By symbol", "By model",
        "What sized the positions", "What bound", "Who divided the book", "Wishes denied", "Bars and fills",
        "Trades and orders",
        "How it was made", "Before you trade",
    ]  # fmt: skip


def test_every_metric_has_its_interval_and_its_meaning(text: str) -> None:
    table = text[text.index("<table class='figures'>") :].partition("</table>")[0]
    rows = re.findall(r"<tr><td>(.*?)</tr>", table)
    assert len(rows) == len(METRICS)
    for metric, row in zip(METRICS, rows, strict=True):
        assert metric.name in unescape(row) and metric.meaning in unescape(row)
        assert re.search(r"<small>.+ to .+</small>", row), metric.name


def test_the_first_words_are_the_notice_and_the_verdict(run: Run, text: str) -> None:
    told = words(text)
    assert told.index("Made by hand") < told.index(NOT_SIGNIFICANT) < told.index("net return")
    assert "after selection, not corrected" in told
    assert render([run]).verdict.label == NOT_SIGNIFICANT
    assert render([made_run(20)]).verdict.label == TOO_SHORT


def test_a_rehearsal_of_one_session_has_a_page_without_intervals_and_without_nan(short: str) -> None:
    told = words(short)
    assert "Too short: 1 day" in told
    assert "Fewer than 20 sessions have no Sharpe ratio" in told and "Return a year \u2013" in told
    assert "The last 63 sessions" not in told
    assert not re.search(r"\b(nan|None|inf)\b", told)
    assert "\u2013" in told


def test_no_figure_is_written_as_nan(text: str) -> None:
    assert not re.search(r"\b(nan|None|inf)\b", words(text))


def test_trades_and_orders_are_packed_whole_and_come_out_again(run: Run, text: str) -> None:
    found = re.findall(r"data-name='(\w+)'><script type='application/json'>(.*?)</script>", text)
    assert [name for name, _ in found] == ["trades", "orders"]
    trades, orders = (json.loads(values) for _, values in found)
    assert (trades["n"], orders["n"]) == (len(run.trades), len(run.orders))
    columns = {c["name"]: unpacked(c) for c in trades["columns"]}
    assert columns["net USD"] == [f"{value:.2f}" for value in run.trades.pnl_usd]
    assert columns["entry order"] == run.trades.entry_order.tolist()
    assert set(columns["side"]) == {"long", "short"} and "stock" in columns["kind"]
    columns = {c["name"]: unpacked(c) for c in orders["columns"]}
    entered = sum(int(n) for n, kind in zip(columns["filled"], columns["kind"], strict=True) if kind == "entry")
    assert entered == run.trades.qty.sum()


def test_bars_come_with_the_fills_of_their_day(run: Run, text: str) -> None:
    days = json.loads(re.search(r"id='bars-data'>(.*?)</script>", text)[1])
    day = extreme_days(run)[0]
    mine = (run.fills.symbol == day.symbol) & (run.fills.session == np.datetime64(day.date))
    assert [fill["price"] for fill in days[0]["fills"]] == run.fills.price[mine].tolist()
    assert len(days[0]["open"]) == len(days[0]["time"]) == 390
    assert days[0]["time"][0] == "09:30"


def test_the_days_of_the_best_and_the_worst_trades_are_drawn_first(run: Run) -> None:
    days = extreme_days(run)
    best = int(run.trades.pnl_usd.argmax())
    assert days[0] == SymbolDay(str(run.trades.symbol[best]), run.trades.session[best].item())
    assert len(days) == len(set(days)) <= 20
    assert extreme_days(made_run(1, 1)) == ()


def test_a_day_is_asked_for_by_symbol_and_date() -> None:
    with pytest.raises(ConfigError, match="--bars 'AAPL' is not a symbol and a day"):
        day_asked("AAPL")


def test_two_runs_of_the_same_sessions_stand_side_by_side(run: Run) -> None:
    live = made_run(140, 20, "live", seed=2)
    text = render([run, live]).text
    heads = re.findall(r"<th scope='col'>(.*?)</th>", text[text.index("<table class='figures'>") :])[:4]
    assert heads == ["Figure", "Backtest", "Live", "What it means"]
    assert text.count("<h2>How it was made</h2>") == 2
    assert '"name":"live"' in text


def test_two_runs_of_other_sessions_are_refused_by_name(run: Run) -> None:
    with pytest.raises(DataError, match="two runs of other sessions: backtest-0123456789ab has 140"):
        render([run, made_run(3, kind="live")])


def test_a_run_that_never_traded_has_a_page(run: Run) -> None:
    nothing = {
        name: table.where(np.zeros(len(table), dtype=np.bool_))
        for name in ("orders", "fills", "trades", "decisions")
        for table in [getattr(run, name)]
    }
    idle = dataclasses.replace(
        run,
        **nothing,
        decay=None,
        session_equity=np.full(141, 1e5),
        spy=np.full(141, np.nan),
        curve=dataclasses.replace(run.curve, equity=np.full(len(run.curve), 1e5), gross_usd=np.zeros(len(run.curve))),
    )
    told = words(render([idle]).text)
    assert "made no money and lost none" in told
    assert not re.search(r"\b(nan|None|inf)\b", told)


def test_text_from_a_run_cannot_become_markup(run: Run) -> None:
    manifest = dataclasses.replace(run.manifest, subject="<script>alert(1)</script>", notices=("<b>x</b>",))
    sectors = np.where(run.trades.sector == "Energy", "</script><b>", run.trades.sector)
    text = render(
        [dataclasses.replace(run, manifest=manifest, trades=dataclasses.replace(run.trades, sector=sectors))]
    ).text
    assert "<script>alert(1)" not in text and "<b>x</b>" not in text and "</script><b>" not in text
