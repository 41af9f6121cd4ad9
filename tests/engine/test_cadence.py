"""Members that score every few minutes: what the kernel does in between, and what a live session asks for."""

from dataclasses import replace

import numpy as np

from daytrader_ray.domain.ports import LiveBar
from daytrader_ray.domain.trading import MEMBERS, OrderKind, Reason
from daytrader_ray.engine.book import apply_fill, new_book, open_session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.kernel import step
from daytrader_ray.engine.market import Start, Terms
from daytrader_ray.engine.session import SessionEngine
from daytrader_ray.engine.values import new_intents, new_scratch, rules_of
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.scaling import Scaler
from tests.engine.deciding import CONFIDENCE, lines, snapshot
from tests.engine.test_session_bars import N_SLOTS, SYMBOLS, market_of, whole
from tests.models.ensembles import equal
from tests.models.samples import keeping

N = 390


def decided(signal: float, slot: int, held: int = 0) -> tuple[list[Reason], Reason]:
    """Return the reasons of the orders at the close of `slot`, and the last word on the symbol."""
    book, now = new_book(1, 1e5), snapshot(1, signal=np.array([signal]))
    open_session(book)
    if held:
        apply_fill(book, 0, OrderKind.ENTRY, 1, held, 50.0, 0.0, 90, 5)
    out, scratch = new_intents(1), new_scratch(now.sector)
    rules = rules_of(KernelConfig(sizing="confidence", orders="market"), 0.05, 1, score_every=5)
    n = step(book, slot, N, now, 0.5, 1.0, CONFIDENCE, rules, scratch, out)
    return [line[4] for line in lines(out, n)], Reason(scratch.verdict[0])


def test_entries_are_decided_at_scored_bars_alone() -> None:
    assert decided(0.9, 104) == ([Reason.SIGNAL], Reason.NONE)
    for slot in (100, 101, 102, 103):
        assert decided(0.9, slot) == ([], Reason.DENIED_HELD)


def test_a_position_is_sold_on_a_signal_that_holds_and_by_the_clock_at_any_bar() -> None:
    assert decided(-0.9, 103, held=10)[0] == [Reason.REVERSED]
    assert decided(0.0, 103, held=10)[0] == []
    assert decided(0.0, 105, held=10)[0] == [Reason.SIGNAL_EXIT]
    assert decided(0.9, 211, held=10)[0] == [Reason.TIME_EXIT]
    assert decided(0.9, 385, held=10)[0] == [Reason.FLATTEN]


def test_a_session_asks_for_scores_at_scored_bars_alone_and_acts_on_what_they_said() -> None:
    panel = whole()
    market = replace(market_of(panel), tradable=np.ones(len(SYMBOLS), dtype=np.bool_))
    features = ("lag.return_1",)
    ensemble = replace(equal(0b11111), score_every_minutes=5)
    bundle = Bundle(
        keeping(features, features), SYMBOLS, Scaler(np.zeros(1), np.ones(1)), {}, ensemble, None, (), {}, 0,
        market.history.grid.sessions[-1].date, "",
    )  # fmt: skip
    engine = SessionEngine(bundle, market, Terms(), Start(1e5), "run")
    asked, signals = [], []
    for slot in range(12):
        start = market.session.open_minute + slot
        bars = [LiveBar(symbol, start, 50.0, 50.0, 50.0, 50.0, 1e5, 50.0) for symbol in SYMBOLS]
        windows = engine.on_bars(slot, bars)
        asked.append(len(windows))
        engine.on_scores(slot, np.full((len(windows), len(MEMBERS)), 0.01 * slot) if len(windows) else None)
        assert engine.inputs.unscored == {}
        signals.append(float(engine._signal[0]))
    assert [slot for slot, n in enumerate(asked) if n] == [4, 9] and N_SLOTS > 12
    np.testing.assert_array_equal(signals, [np.nan] * 4 + [0.04] * 5 + [0.09] * 3)
