"""A rehearsal: a past session traded through real sockets, then backtested, then compared order by order."""

import asyncio
import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.before import load_bundle
from daytrader_ray.cluster.replay import replay
from daytrader_ray.cluster.runs import keep_session
from daytrader_ray.cluster.scoring import ProcessScorer
from daytrader_ray.cluster.session import trade
from daytrader_ray.cluster.spec import SessionSpec, session_of
from daytrader_ray.domain.errors import ConfigError, DataError, LockstepError
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.engine.market import Start
from daytrader_ray.engine.runner import SessionResult
from daytrader_ray.execution.agreement import differences
from daytrader_ray.models.bundle import Bundle

ScorerName = Literal["process", "serve"]
MEMBER_SECONDS = 15.0
"""The exchange holds its time, so a busy machine's members are waited for."""


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal showed; `orders` and `fills` count the rehearsed side.

    `stops` are fills of resting stops, `flattened` fills of end-of-day exits; `differences` are lines "minute N:
    rehearsal | backtest"; `alarms` name bars that were scored with a member missing, and anything else unexpected.
    `runs` are the ids under which session and backtest are stored.
    """

    session: dt.date
    orders: int
    fills: int
    stops: int
    flattened: int
    differences: tuple[str, ...]
    alarms: tuple[str, ...]
    flat_at_close: bool
    p50_ms: float
    p99_ms: float
    runs: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise a `LockstepError` with the first difference; a rehearsal without orders proves nothing either."""
        if self.differences:
            raise LockstepError(
                f"rehearsal of {self.session} and its backtest differ {len(self.differences)} times, "
                f"first at {self.differences[0]}",
                self.alarms[0] if self.alarms else "",
            )
        if not self.orders:
            raise LockstepError(
                f"rehearsal of {self.session} made no orders: it proves nothing",
                "choose another session, or a bundle whose threshold is reached",
            )

    def values(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        return {
            "session": self.session.isoformat(),
            "orders": self.orders,
            "fills": self.fills,
            "stops": self.stops,
            "flattened": self.flattened,
            "differences": len(self.differences),
            "alarms": len(self.alarms),
            "flat_at_close": self.flat_at_close,
            "bar_to_order_ms": {"p50": self.p50_ms, "p99": self.p99_ms},
            "runs": list(self.runs),
        }


def rehearse(spec: SessionSpec, scorer: ScorerName = "process", one_replica: bool = False) -> Rehearsal:
    """Trade the session of `spec` on the exchange at `spec.sandbox_url`, backtest it and compare.

    With `serve` the session runs in an actor and the members in Ray Serve (Ray must be up); with `process` all is done
    here.
    """
    _require_table(spec)
    session_of(spec)
    bundle = load_bundle(spec)
    _require_bars(spec, bundle)
    _require_ticks(spec, bundle)
    if spec.cash is None:
        raise ValueError("a rehearsal needs the cash that the account starts with")
    if scorer == "serve":
        from daytrader_ray.cluster.live import serve_and_trade

        result = serve_and_trade(spec, one_replica, MEMBER_SECONDS)
    else:
        result = asyncio.run(trade(spec, ProcessScorer(bundle)))
    beside = replay(spec, bundle, result.start or Start(spec.cash), result.conditions)
    run, backtest = keep_session(spec, bundle, result, beside)
    return replace(compare(spec, result, beside.result), runs=(run.manifest.id, backtest.manifest.id))


def _require_table(spec: SessionSpec) -> None:
    if spec.costs.spread != "table":
        raise ConfigError(
            f"costs.spread is '{spec.costs.spread}': the exchange of a rehearsal knows the table of spreads alone",
            "set costs.spread to table and train again; `daytrader backtest` takes all three",
        )


def _require_bars(spec: SessionSpec, bundle: Bundle) -> None:
    first, last = ParquetStore(spec.root).span(bundle.symbols)
    if not first <= spec.date <= last:
        raise DataError(
            f"no bars of {spec.date} in {spec.root}: it has {first} to {last}",
            "run `daytrader download` up to that day",
        )


def _require_ticks(spec: SessionSpec, bundle: Bundle) -> None:
    """Refuse a session whose quotes and trades would be seen live but not by the backtest, which reads the store."""
    store, rules = ParquetStore(spec.root), spec.feed.rules
    for kind, symbols, word in (
        (Kind.QUOTE_BARS, rules.quotes, "quotes"), (Kind.TRADE_BARS, rules.trades, "trades")
    ):  # fmt: skip
        followed = sorted(set(symbols).intersection(bundle.symbols))
        missing = [symbol for symbol in followed if not store.is_downloaded(symbol, spec.date, spec.date, kind)]
        if missing:
            raise DataError(
                f"live.{word} names {', '.join(missing)}: no {word} of {spec.date} in {spec.root}",
                f"run `daytrader download --{word} {','.join(missing)}` up to that day",
            )


def compare(spec: SessionSpec, result: SessionResult, backtested: BacktestResult) -> Rehearsal:
    """Lay a traded session beside its backtest."""
    found = [*differences(result.orders, backtested.orders), *differences(result.fills, backtested.fills)]
    found.sort(key=lambda difference: difference.slot)
    flattening = {order.client_order_id for order in result.orders if order.reason is Reason.FLATTEN}
    latency = np.array(result.latency_ms or [np.nan])
    return Rehearsal(
        session=spec.date,
        orders=len(result.orders),
        fills=len(result.fills),
        stops=sum(fill.kind is OrderKind.STOP for fill in result.fills),
        flattened=sum(fill.client_order_id in flattening for fill in result.fills),
        differences=tuple(str(difference) for difference in found),
        alarms=tuple(result.alarms),
        flat_at_close=result.flat_at_close,
        p50_ms=round(float(np.quantile(latency, 0.5)), 2),
        p99_ms=round(float(np.quantile(latency, 0.99)), 2),
    )
