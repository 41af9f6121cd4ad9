"""`daytrader universe` on a small store of the made-up market."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cli.main import build
from daytrader_ray.domain.errors import DataError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.sessions import market_grid

MARKET = SandboxConfig(first_session=dt.date(2025, 9, 2), n_sessions=30)
PROFILE = """
universe:
  chosen_on: 2025-10-20
  sectors:
    Energy: [XOM, SLB]
    Meme: [AMC, OLDA, ZZZZ]
  pinned: [SLB]
  membership: {OLDA: {until: 2025-10-07}}
  references: [SPY, XLE, "I:VIX"]
  proxies: {Energy: XLE}
  eligibility: {volume: {low: 1.2e+7}, atr: {low: 0.001}, beta: off}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("universe")
    (folder / "mine.yaml").write_text(PROFILE, encoding="utf-8")
    store, market = ParquetStore(str(folder / "data")), Market(MARKET, market_grid(MARKET))
    sessions = market.grid.sessions
    for symbol in ("AMC", "OLDA", "SLB", "SPY", "XLE", "XOM"):
        for month, first, last in Kind.MINUTE.parts(sessions[0].date, sessions[-1].date):
            parts = [bars(market, symbol, i) for i, s in enumerate(sessions) if f"{s.date:%Y-%m}" == month]
            store.write_bars(symbol, month, pa.concat_tables(parts), (first, last))
    return folder


def bars(market: Market, symbol: str, index: int) -> pa.Table:
    session, found = market.grid.sessions[index], market.bars(symbol, index)
    slots = np.flatnonzero(found.traded)
    columns = {name: getattr(found, name)[slots] for name in ("open", "high", "low", "close", "volume", "vwap")}
    stamps = (session.open_minute + slots) * 60_000_000
    return pa.table({"timestamp": stamps, **columns, "trades": np.ones(len(slots), np.int32)}).cast(FILE_SCHEMA)


def shown(place: Path, *options: str) -> tuple[dict, str]:
    command = ["universe", "--profile", str(place / "mine.yaml"), "--data", str(place / "data"), "--json", *options]
    result = CliRunner().invoke(build(), command)
    if result.exception is not None:
        raise result.exception
    return json.loads(result.stdout.splitlines()[-1]), result.stderr


def test_the_session_after_the_last_bars_is_shown_with_a_reason_for_every_stock(place: Path) -> None:
    values, table = shown(place)
    assert (values["date"], values["chosen_on"]) == ("2025-10-14", "2025-10-20")
    stocks = {stock.pop("symbol"): stock for stock in values["stocks"]}
    assert list(stocks) == ["AMC", "OLDA", "SLB", "XOM", "ZZZZ"]
    assert stocks["ZZZZ"]["reason"] == "no bars in the store" and not stocks["ZZZZ"]["tradable"]
    assert stocks["OLDA"]["reason"] == "not in the list after 2025-10-07"
    assert stocks["XOM"]["reason"] == "meets volume, ATR" and stocks["XOM"]["tradable"]
    assert stocks["AMC"]["reason"].startswith("volume ") and stocks["AMC"]["reason"].endswith(" M is below 12.0 M")
    assert stocks["SLB"]["pinned"] and stocks["SLB"]["tradable"]
    assert {"volume", "atr", "market_cap"} <= set(stocks["XOM"]["values"]) and "beta" not in stocks["XOM"]["values"]
    assert stocks["XOM"]["values"]["market_cap"] is None and stocks["XOM"]["score"] == 0.0
    sectors = {sector["sector"]: sector for sector in values["sectors"]}
    assert sectors["Energy"]["proxy"] == "XLE" and sectors["Meme"]["proxy"] is None
    assert sectors["Energy"]["strength"] is not None and 0 < sectors["Meme"]["budget"] <= 0.25
    assert values["references"] == {"SPY": True, "XLE": True, "I:VIX": False}
    for text in (
        "before 2025-10-14",
        "meets volume, ATR",
        "market cap: the vendor's value for the month end before",
        "scores rank nobody: max_symbols is not set",
        "the list was chosen on 2025-10-20, after this session: it knows who was still there; no bars of I:VIX",
    ):
        assert text in " ".join(table.split())


def test_a_list_with_places_and_older_than_the_session_is_shown_without_a_warning(place: Path, tmp_path: Path) -> None:
    text = PROFILE.replace("2025-10-20\n", "2025-10-14\n  max_symbols: 3\n")
    (tmp_path / "other.yaml").write_text(text, encoding="utf-8")
    values, table = shown(place, "--profile", str(tmp_path / "other.yaml"))
    assert values["max_symbols"] == 3
    assert "may be traded; the list was chosen on 2025-10-14; no bars of I:VIX" in " ".join(table.split())


def test_a_delisted_stock_is_there_on_the_days_before_and_gone_after(place: Path) -> None:
    reasons = {}
    for day in ("2025-10-07", "2025-10-08", "2025-10-09"):
        values, _ = shown(place, "--date", day)
        assert values["date"] == day
        (stock,) = (stock for stock in values["stocks"] if stock["symbol"] == "OLDA")
        reasons[day] = stock["tradable"] or stock["reason"]
    assert reasons == {
        "2025-10-07": True,
        "2025-10-08": "not in the list after 2025-10-07",
        "2025-10-09": "not in the list after 2025-10-07",
    }


def test_a_day_without_a_session_or_without_bars_before_it_is_refused_by_name(place: Path) -> None:
    for day, message in (
        ("2025-10-12", "2025-10-12 is no trading day"),
        ("2025-09-02", "nothing is known before 2025-09-02: bars from 2025-09-02 to 2025-10-13"),
        ("2025-10-15", "nothing is known before 2025-10-15"),
    ):
        with pytest.raises(DataError, match=message):
            shown(place, "--date", day)


def test_an_empty_store_is_an_error_that_says_what_to_do(place: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no bars of the universe in") as caught:
        shown(place, "--data", str(tmp_path))
    assert "daytrader download" in caught.value.hint
