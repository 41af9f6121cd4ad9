"""Why an order of a stored run was sent, and what came of it: bar, features, scores, sizing, fills and profit.

It reads tables of one month and imports neither calendar nor kernels: the answer is asked for many times in a row.
"""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.feature_parts import stored_row
from daytrader_ray.adapters.table_store import TableStore
from daytrader_ray.analytics.run import Decisions, Fills, Manifest, Orders, Table, Trades
from daytrader_ray.domain.budget import ROOMS, SIZING_STEPS
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import OrderKind, Reason

NEW_YORK = ZoneInfo("America/New_York")
OPEN = dt.time(9, 30)
_ID = re.compile(r".+?-(\d{8})-(\d{3})-(.+)-[a-z_]+")


def explain(root: str, order_id: str, run_id: str | None = None) -> dict[str, Any]:
    """Return all that is known of an order of a run (default: the one stored last), as plain values; None: not known.

    The sizing of an exit or a stop is that of the entry that it ends. A `DataError` where the run has no such order.
    """
    manifest = run_store.manifest_of(root, run_id)
    session, symbol = _session_and_symbol(order_id, manifest)
    mine: dict[str, Any] = {"session": session, "symbol": symbol}
    orders = run_store.find(root, manifest, "orders", Orders, **mine)
    sent = orders.where(orders.client_order_id == order_id)
    if not len(sent):
        known = ", ".join(orders.client_order_id[:3].tolist()) or "none"
        raise DataError(f"{manifest.id} has no order {order_id}", f"of {symbol} on {session} it has: {known}")
    order = _line(sent, 0)
    trade = _trade(root, manifest, order)
    entry = order_id if order["kind"] == OrderKind.ENTRY else str(trade["entry_order"]) if trade else ""
    fills = run_store.find(root, manifest, "fills", Fills, **mine)
    return {
        "run": manifest.id,
        "subject": manifest.subject,
        "order": _told(order, manifest),
        "decision": _decision(root, manifest, entry),
        "fills": [_told(fill, manifest) for fill in _lines(fills.where(fills.client_order_id == order_id))],
        "trade": None if trade is None else _trade_told(trade, manifest),
        "bar": _bar(root, manifest, session, symbol, order["slot"]),
        **_features(root, manifest, symbol, _start(session, order["slot"], manifest)),
    }


def _session_and_symbol(order_id: str, manifest: Manifest) -> tuple[dt.date, str]:
    found = _ID.fullmatch(order_id)
    if found is None:
        example = "bt-20251202-007-AAPL-entry"
        raise DataError(f"{order_id!r} is no id of an order of {manifest.id}", f"they look like {example}")
    return dt.date.fromisoformat(found[1]), found[3]


def _trade(root: str, manifest: Manifest, order: dict[str, Any]) -> dict[str, Any] | None:
    """Return the round trip that an order began, ended or protected; None where it was none."""
    symbol, session, slot = order["symbol"], order["session"], order["slot"]
    today = run_store.find(root, manifest, "trades", Trades, symbol=symbol, session=session)
    if order["kind"] in (OrderKind.ENTRY, OrderKind.CANCEL):
        mine = today.entry_order == order["client_order_id"]
    else:
        mine = (today.entry_slot <= slot) & (slot <= today.exit_slot)
    if mine.any():
        return _line(today.where(mine), 0)
    carried = run_store.find(root, manifest, "trades", Trades, symbol=symbol, carried=True)
    before = carried.where(carried.session < np.datetime64(session))
    sells = order["kind"] == OrderKind.EXIT and len(before)
    return _line(before, -1) if sells else None


def _decision(root: str, manifest: Manifest, entry: str) -> dict[str, Any] | None:
    """Return what sized an entry: members, regime, the steps and what bound it."""
    if not entry:
        return None
    found = run_store.find(root, manifest, "decisions", Decisions, client_order_id=entry)
    if not len(found):
        return None
    steps = {name: _plain(value) for name, value in zip(SIZING_STEPS, found.steps[0].tolist(), strict=True)}
    bound = steps.pop("bound")
    weighed = zip(manifest.members, found.scores[0].tolist(), found.weights[0].tolist(), strict=True)
    return {
        "entry": entry,
        "regime": Regime(int(found.regime[0])).name.lower(),
        "members": [
            {"name": name, "score": _plain(score), "weight": _plain(weight)} for name, score, weight in weighed
        ],
        "steps": steps,
        "bound": None if bound is None or bound < 0 else ROOMS[int(bound)],
    }


def _bar(root: str, manifest: Manifest, session: dt.date, symbol: str, slot: int) -> dict[str, Any] | None:
    """Return the bar at whose close the order was decided; None where the symbol did not trade, or it is not stored."""
    start = _utc(_start(session, slot, manifest))
    table = TableStore(root).minutes(symbol, f"{session:%Y-%m}")
    for bar in table.filter(table["timestamp"].to_numpy() == start).to_pylist():
        return {name: bar[name] for name in ("open", "high", "low", "close", "volume", "vwap")}
    return None


def _features(root: str, manifest: Manifest, symbol: str, start: dt.datetime) -> dict[str, Any]:
    """Return the symbol's `features` at that bar (empty: none stored) and `features_of`, which build they are of."""
    found, values = stored_row(TableStore(root), manifest.features, symbol, _utc(start), f"{start:%Y-%m}")
    same = bool(values) and found == manifest.features
    return {
        "features": {name: _plain(value) for name, value in values.items()},
        "features_of": "the run" if same else "another build" if values else None,
    }


def _utc(when: dt.datetime) -> np.datetime64:
    return np.datetime64(when.astimezone(dt.UTC).replace(tzinfo=None))


def _lines(table: Table) -> list[dict[str, Any]]:
    return [_line(table, k) for k in range(len(table))]


def _line(table: Table, k: int) -> dict[str, Any]:
    """Return one line of a table by column, in Python's own types."""
    return {name: values[k].item() for name, values in vars(table).items()}


def _told(line: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return an order or a fill in words: time in New York, kind and reason by name."""
    told = {key: _plain(value) for key, value in line.items()}
    told |= {"session": str(line["session"]), "kind": OrderKind(line["kind"]).name.lower()}
    if "reason" in line:
        told["reason"] = Reason(line["reason"]).name.lower()
    return {"time": f"{_start(line['session'], line['slot'], manifest):%H:%M}", **told}


def _trade_told(trade: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    told = {key: _plain(value) for key, value in trade.items()} | {"session": str(trade["session"])}
    names = {"exit_reason": Reason(trade["exit_reason"]).name.lower(), "regime": Regime(trade["regime"]).name.lower()}
    gross = trade["pnl_usd"] + trade["fees_usd"] + trade["spread_usd"] + trade["impact_usd"]
    minutes = (trade["exit_slot"] - trade["entry_slot"]) * manifest.bar_minutes
    return told | names | {"gross_usd": gross} | ({} if trade["carried"] else {"minutes": minutes})


def _start(session: dt.date, slot: int, manifest: Manifest) -> dt.datetime:
    """Return when a bar starts, in New York."""
    return dt.datetime.combine(session, OPEN, NEW_YORK) + dt.timedelta(minutes=slot * manifest.bar_minutes)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
