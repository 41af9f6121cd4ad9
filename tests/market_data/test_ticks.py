from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.adapters.tables import QUOTE_BARS, TRADE_BARS
from daytrader_ray.adapters.tick_tables import tick_table
from daytrader_ray.market_data.conditions import ALL, HIGH_LOW, VOLUME, trade_updates
from daytrader_ray.market_data.ticks import Columns, QuoteAggregator, TradeAggregator

MINUTE = 29_000_000
NS = 60_000_000_000
START = MINUTE * NS
LEAN = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "lean"


def quotes(rows: list[tuple[float, ...]]) -> tuple[np.ndarray, ...]:
    """Seconds after the start, bid, ask, bid size, ask size."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return (START + np.rint(columns[0] * 1e9).astype(np.int64), *columns[1:])


def trades(rows: list[tuple]) -> tuple[np.ndarray, ...]:
    """Seconds after the start, price, size, conditions."""
    stamps = np.array([START + round(row[0] * 1e9) for row in rows], dtype=np.int64)
    price, size = (np.array([row[at] for row in rows], dtype=np.float64) for at in (1, 2))
    return stamps, price, size, trade_updates([row[3] if len(row) > 3 else None for row in rows])


def folded(kind: type, pages: list[tuple[np.ndarray, ...]], before: int = MINUTE + 1000) -> Columns:
    aggregator = kind()
    for page in pages:
        aggregator.add(*page)
    return aggregator.take(before)


def test_quotes_are_weighed_by_the_time_they_stand() -> None:
    columns = folded(
        QuoteAggregator,
        [quotes([(0, 99.0, 101.0, 100, 300), (15, 99.5, 100.5, 200, 200), (75, 99.9, 100.1, 100, 100)])],
    )
    assert columns["timestamp"].tolist() == [MINUTE * 60_000_000, (MINUTE + 1) * 60_000_000]
    assert columns["quotes"].tolist() == [2, 1]
    assert columns["spread_mean_bps"] == pytest.approx([200 / 4 + 100 * 3 / 4, 100 / 4 + 20 * 3 / 4])
    assert columns["spread_close_bps"] == pytest.approx([100, 20])
    assert columns["bid_size_mean"] == pytest.approx([175, 125])
    assert columns["ask_size_mean"] == pytest.approx([225, 125])
    assert columns["imbalance"] == pytest.approx([-0.5 / 4, 0])
    assert (columns["bid_close"].tolist(), columns["ask_close"].tolist()) == ([99.5, 99.9], [100.5, 100.1])


def test_order_flow_is_what_the_paper_says() -> None:
    book = [
        (0, 10.0, 11.0, 100, 100),
        (1, 10.0, 11.0, 150, 100),  # bid grows by 50
        (2, 10.5, 11.0, 30, 100),  # a new best bid of 30
        (3, 10.5, 10.9, 30, 70),  # a new best ask of 70
        (4, 10.0, 11.0, 20, 60),  # bid of 30 gone, ask of 70 gone
    ]
    columns = folded(QuoteAggregator, [quotes(book)])
    assert columns["order_flow"].tolist() == [50 + 30 - 70 - 30 + 70]


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ((20, 101.0, 100.0, 100, 100), "crossed"),
        ((20, 0.0, 100.0, 100, 100), "no bid"),
        ((20, 99.0, 0.0, 100, 100), "no ask"),
        ((20, 99.0, 101.0, 0, 100), "empty bid"),
        ((20, 99.0, np.inf, 100, 100), "not finite"),
        ((20, np.nan, 101.0, 100, 100), "not a number"),
    ],
)
def test_an_unsound_quote_is_no_quote_and_has_no_weight(bad: tuple[float, ...], name: str) -> None:
    aggregator = QuoteAggregator()
    aggregator.add(*quotes([(0, 99.0, 101.0, 100, 100), bad, (50, 99.5, 100.5, 500, 100)]))
    columns = aggregator.take(MINUTE + 1)
    assert columns["quotes"].tolist() == [2]
    assert columns["spread_mean_bps"] == pytest.approx([(200 * 20 + 100 * 10) / 30])
    assert columns["order_flow"].tolist() == [0]
    assert aggregator.unsound == 1


def test_a_locked_quote_counts_with_no_spread() -> None:
    columns = folded(QuoteAggregator, [quotes([(0, 100.0, 100.0, 100, 100)])])
    assert (columns["spread_mean_bps"].tolist(), columns["quotes"].tolist()) == ([0.0], [1])


def test_a_minute_without_quotes_has_no_row_and_the_standing_quote_reaches_over_it() -> None:
    columns = folded(QuoteAggregator, [quotes([(0, 99.0, 101.0, 1, 1), (150, 99.5, 100.5, 1, 1)])])
    assert (columns["timestamp"] // 60_000_000 - MINUTE).tolist() == [0, 2]
    assert columns["spread_mean_bps"] == pytest.approx([200, 150])


def test_trades_make_the_bar_that_their_conditions_allow() -> None:
    tape = [
        (0, 10.0, 100),
        (1, 12.0, 50, [37]),
        (2, 10.2, 100, [14, 41]),
        (3, 9.0, 100, [22]),
        (4, 50.0, 900, [15]),
        (5, 10.1, 200, [0]),
        (6, 11.0, 10, [2, 12]),
    ]
    columns = folded(TradeAggregator, [trades(tape)])
    assert [columns[name].tolist() for name in ("open", "high", "low", "close")] == [[10.0], [10.2], [9.0], [10.1]]
    assert (columns["volume"].tolist(), columns["trades"].tolist()) == ([560.0], [6])
    assert columns["vwap"] == pytest.approx([(1000 + 600 + 1020 + 900 + 2020 + 110) / 560])
    assert columns["tick_imbalance"] == pytest.approx([(100 - 200) / 560])
    assert columns["mean_size"] == pytest.approx([560 / 6])


def test_a_minute_of_odd_lots_has_volume_and_no_price() -> None:
    columns = folded(TradeAggregator, [trades([(0, 10.0, 5, [37]), (1, 10.0, 5, [22])])])
    assert columns["volume"].tolist() == [10.0]
    assert np.isnan([columns[name] for name in ("open", "high", "low", "close")]).all()
    table = tick_table(columns, TRADE_BARS)
    assert (table["close"].null_count, table.schema) == (1, TRADE_BARS)


def test_the_tick_rule_goes_by_the_last_different_price_across_minutes() -> None:
    columns = folded(TradeAggregator, [trades([(0, 10.0, 1), (1, 11.0, 1), (61, 11.0, 4), (62, 10.5, 1)])])
    assert columns["tick_imbalance"] == pytest.approx([1 / 2, (4 - 1) / 5])


def test_conditions_allow_what_all_of_them_allow() -> None:
    assert trade_updates([None, [], [0], [14, 37], [37, 22], [999], [10]]).tolist() == [
        ALL, ALL, ALL, VOLUME, VOLUME, ALL, HIGH_LOW | VOLUME,
    ]  # fmt: skip


def test_a_trade_that_was_taken_back_updates_nothing() -> None:
    assert trade_updates([[0]] * 4, [None, 0, 8, 10]).tolist() == [ALL, ALL, 0, 0]


def test_unsound_trades_are_left_out_and_counted() -> None:
    aggregator = TradeAggregator()
    aggregator.add(*trades([(0, -1.0, 1), (1, np.nan, 1), (2, 10.0, 0), (3, 10.0, np.inf), (4, 10.0, 7)]))
    assert (aggregator.take(MINUTE + 1)["volume"].tolist(), aggregator.unsound) == ([7.0], 4)


def test_late_ticks_change_no_minute_that_was_taken() -> None:
    aggregator = TradeAggregator()
    aggregator.add(*trades([(0, 10.0, 1)]))
    assert aggregator.take(MINUTE + 1)["volume"].tolist() == [1.0]
    aggregator.add(*trades([(59, 11.0, 1), (60, 12.0, 3)]))
    assert (aggregator.take(MINUTE + 2)["volume"].tolist(), aggregator.late) == ([3.0], 1)
    assert len(aggregator.take(MINUTE + 9)["volume"]) == 0


def test_nothing_is_taken_of_a_minute_that_is_not_over() -> None:
    aggregator = QuoteAggregator()
    aggregator.add(*quotes([(0, 99.0, 101.0, 1, 1), (61, 99.0, 101.0, 1, 1)]))
    assert len(aggregator.take(MINUTE + 1)["quotes"]) == 1
    assert len(aggregator.take(MINUTE + 1)["quotes"]) == 0
    assert tick_table(aggregator.take(MINUTE + 2), QUOTE_BARS).schema == QUOTE_BARS


def test_an_empty_page_is_nothing() -> None:
    assert len(folded(QuoteAggregator, [quotes([])])["quotes"]) == 0
    assert len(folded(TradeAggregator, [trades([])])["volume"]) == 0


cuts = st.lists(st.integers(0, 400), max_size=12).map(sorted)


@settings(max_examples=30, deadline=None)
@given(cuts, st.lists(st.integers(0, 20), max_size=5), st.integers(0, 2**32 - 1))
def test_pages_and_takes_of_any_size_give_the_same_bits(cuts: list[int], takes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.uniform(0, 1200, 400))
    bid = 100 + rng.normal(0, 0.05, 400)
    ask = bid + rng.uniform(-0.01, 0.05, 400)
    sizes = rng.integers(0, 9, (2, 400)) * 100.0
    stamps = START + (seconds * 1e9).astype(np.int64)
    updates = rng.choice([0, 4, 6, 7], 400).astype(np.uint8)
    for kind, columns in (
        (QuoteAggregator, (stamps, bid, ask, *sizes)),
        (TradeAggregator, (stamps, bid, sizes[0], updates)),
    ):
        whole = folded(kind, [columns])
        aggregator, parts = kind(), []
        for first, last in zip([0, *cuts], [*cuts, 400], strict=True):
            aggregator.add(*(column[first:last] for column in columns))
            parts.append(aggregator.take(int(stamps[max(last - 1, 0)] // NS) if last else MINUTE))
        parts.append(aggregator.take(MINUTE + 1000))
        for name, values in whole.items():
            assert np.concatenate([part[name] for part in parts]).tobytes() == values.tobytes()


def lean(folder: str, symbol: str) -> pd.DataFrame:
    path = LEAN / folder / f"{symbol}.parquet"
    if not path.exists():
        pytest.skip(f"needs the real bars in {path}")
    return pd.read_parquet(path)


SWEEP, EXEMPT, SETTLES = 0x20, 0x20000000, 0x7
"""LEAN's flags of intermarket sweeps, of exempt trades, and of regular, cash and next-day settlement."""


def regular(table: pd.DataFrame) -> pd.DataFrame:
    local = table["timestamp"].dt.tz_convert("America/New_York")
    minute = local.dt.hour * 60 + local.dt.minute
    return table[(minute >= 570) & (minute < 960)].reset_index(drop=True)


def tape(ticks: pd.DataFrame) -> tuple[np.ndarray, ...]:
    flags = ticks["condition"].map({text: int(text, 16) for text in ticks["condition"].unique()}).to_numpy()
    no_price = (flags & SWEEP != 0) | ((flags & EXEMPT != 0) & (flags & SETTLES == 0))
    updates = np.where(no_price, VOLUME, ALL).astype(np.uint8)
    stamps = ticks["timestamp"].astype("int64").to_numpy() * 1_000_000
    return stamps, ticks["price"].to_numpy(), ticks["size"].to_numpy(np.float64), updates


@pytest.mark.parametrize(("symbol", "minutes"), [("SPY", 390), ("IBM", 1949)])
def test_real_trades_make_the_minute_files_of_the_regular_session(symbol: str, minutes: int) -> None:
    """Every price and volume is equal, but at the edges of a session.

    Volume is that of all trades; prices leave out sweeps and unsettled exempt trades. In the first two minutes and in
    the last the files differ, by the auctions: the official open is one print of the listing market there (the tape
    has it in parts, and repeats it), and the closing auction, reported after 16:00, is part of the bar of 15:59.
    """
    ticks, bars = regular(lean("tick_trade", symbol)), regular(lean("1min", symbol))
    made = pd.DataFrame(folded(TradeAggregator, [tape(ticks)], before=1 << 40))
    bars.index = bars["timestamp"].astype("int64") * 1000
    both = bars.join(made.set_index("timestamp").add_suffix("_made"), how="inner")
    assert len(both) == len(made) == minutes
    local = both["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    inside = ~local.isin(["09:30", "09:31", "15:59"])
    assert (both["volume"] == both["volume_made"])[inside].all()
    for name in ("open", "high", "low", "close"):
        assert (both[name] == both[f"{name}_made"])[inside].all()


def test_real_quotes_have_the_spread_that_is_known() -> None:
    """The minute's closing quote of SPY, 4 October to 11 October 2013, has a median spread of about 0.6 bps."""
    bars = regular(lean("quotes_1min", "SPY"))
    stamps = bars["timestamp"].astype("int64").to_numpy() * 1_000_000
    names = ("bid_close", "ask_close", "bid_size", "ask_size")
    columns = folded(QuoteAggregator, [(stamps, *(bars[name].to_numpy(np.float64) for name in names))], before=1 << 40)
    assert len(columns["quotes"]) == len(bars)
    assert np.median(columns["spread_close_bps"]) == pytest.approx(0.6, abs=0.02)
    assert np.nanmedian(columns["spread_mean_bps"]) == pytest.approx(0.6, abs=0.02)
    assert np.nanmax(np.abs(columns["imbalance"])) < 1
