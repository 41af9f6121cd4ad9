"""The audit itself: it names what fails and where, and the worlds it makes differ from ours only after the moment."""

from dataclasses import fields, replace

import numpy as np
import pytest

from daytrader_ray.domain.peers import Peers
from daytrader_ray.features.audit import lookahead, parity, warmup
from daytrader_ray.features.audit_table import row_table
from daytrader_ray.features.audited import FeatureTables, event_rows
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.features.world import Known, World, moments
from daytrader_ray.market_data.statistics import session_statistics

SYMBOLS = ("AAA", "BBB", "CCC", "SPY", "XLK")
N_SESSIONS = 8


def expected_volume(panel):
    return session_statistics(panel)[2]


@pytest.fixture(scope="module")
def world(panel_maker):
    panel = panel_maker(N_SESSIONS, SYMBOLS)
    panel.price_factor[5:, 0] *= 0.5
    panel.share_factor[5:, 0] *= 0.5
    rng = np.random.default_rng(8)
    minutes = panel.grid.minute_of_row
    events = tuple(
        Known(
            at := rng.uniform(minutes[0], minutes[-1], 4),
            at - rng.uniform(-200.0, 5000.0, 4),
            np.append(at[:2] + rng.uniform(-2000.0, 2000.0, 2), [np.inf, np.inf]),
        )
        for _ in SYMBOLS
    )
    peers = Peers(
        3, -1, np.array([0, 0, 1, -1, -1]), np.array([4, 4, -1, -1, -1]), np.ones((N_SESSIONS, 5), dtype=bool)
    )
    ticks = rng.random((panel.grid.n_rows, 5, 6))
    return World(panel, ticks, events, peers, rng.uniform(1e9, 1e12, (N_SESSIONS, 5)))


@pytest.fixture(scope="module")
def tables():
    return FeatureTables(feature_set(FeaturesConfig()), expected_volume)


@pytest.fixture(scope="module")
def with_extra():
    return FeatureTables(feature_set(FeaturesConfig(extra=("CCI(20)",))), expected_volume)


def failing(findings):
    return {finding.name for finding in findings if finding.difference}


def planted(tables, name, spoil):
    """Return the tables' history with one column spoilt."""

    def compute(world):
        first, *others = tables.history(world)
        values = first.values.copy()
        k = first.names.index(name)
        values[:, :, k] = spoil(values[:, :, k])
        return [replace(first, values=values), *others]

    return compute


def test_no_feature_and_no_range_looks_ahead(world, tables):
    findings = lookahead(world, tables.history, 3, np.random.default_rng(1))
    assert {finding.name for finding in findings} == {*tables.features.names, "atr_5", "return_30", "sigma_30"}
    assert failing(findings) == set()


def test_a_planted_leak_is_named_with_symbol_minute_and_both_values(world, tables):
    compute = planted(tables, "lag.return_5", lambda x: np.concatenate([x[1:], x[-1:]]))
    findings = {finding.name: finding for finding in lookahead(world, compute, 2, np.random.default_rng(1))}
    assert failing(findings.values()) == {"lag.return_5"}
    difference = findings["lag.return_5"].difference
    assert difference.symbol in SYMBOLS
    assert difference.minute in world.grid.minute_of_row
    assert difference.then != difference.now
    assert "after 2025-" in difference.cause


def test_a_step_ahead_is_found_in_every_feature_and_range(world, tables):
    def compute(world):
        return [replace(one, values=np.concatenate([one.values[1:], one.values[-1:]])) for one in tables.history(world)]

    findings = lookahead(world, compute, 1, np.random.default_rng(6))
    assert failing(findings) == {finding.name for finding in findings if finding.checked}
    assert len(failing(findings)) > len(tables.features.names) - 10


@pytest.mark.parametrize("name", ["ticks", "events", "peers", "market_cap", "share_factor"])
def test_a_leak_of_any_input_is_found(name, world):
    def compute(world):
        inputs = {
            "ticks": lambda: world.ticks[:, :, 0],
            "events": lambda: event_rows(replace(world, events=tuple(_known_at_once(one) for one in world.events)))[
                :, :, 0
            ],
            "peers": lambda: world.peers.member[world.grid.session_of_row].astype(float),
            "market_cap": lambda: world.market_cap[world.grid.session_of_row],
            "share_factor": lambda: world.panel.share_factor[world.grid.session_of_row],
        }
        values = inputs[name]()
        ahead = values if name == "events" else np.concatenate([values[400:], np.full((400, values.shape[1]), 7.0)])
        return [row_table(world, [name], ahead[:, :, None], [1])]

    assert failing(lookahead(world, compute, 2, np.random.default_rng(2))) == {name}


def _known_at_once(known):
    return known._replace(known_at=np.zeros_like(known.known_at))


def test_warm_ups_are_long_enough(world, tables):
    fixed = replace(world, expected_volume=expected_volume(world.panel))
    assert failing(warmup(fixed, tables.history, [1, 3])) == set()


def test_a_warm_up_that_is_declared_too_short_is_named(world, tables):
    def hasty(world):
        first, ranges = tables.history(world)
        k = first.names.index("momentum.roc_30")
        values = first.values.copy()
        values[:, :, k] = np.cumsum(np.nan_to_num(values[:, :, k]), axis=0)
        return [replace(first, values=values), ranges]

    fixed = replace(world, expected_volume=expected_volume(world.panel))
    findings = warmup(fixed, hasty, [2])
    assert failing(findings) == {"momentum.roc_30"}
    cause = next(finding.difference.cause for finding in findings if finding.difference)
    assert cause == "history begins on 2025-07-03, not on 2025-07-01"


def test_one_huge_value_hides_no_error_in_the_others(world, tables):
    def compute(world):
        first, ranges = tables.history(world)
        values = first.values.astype(np.float64)
        values[:, :, first.names.index("lag.return_1")] = 1.0 + 1e-8 * len(values)
        values[-1, 0, first.names.index("lag.return_1")] = 1e9
        return [replace(first, values=values), ranges]

    fixed = replace(world, expected_volume=expected_volume(world.panel))
    assert failing(warmup(fixed, compute, [2])) == {"lag.return_1"}


def test_minute_by_minute_gives_the_bits_of_history(world, with_extra):
    findings = parity(world, with_extra.history, with_extra.live, 6)
    assert failing(findings) == set()
    assert {"extra.cci_20", "atr_5"} <= {finding.name for finding in findings if finding.checked}


def test_the_warm_up_on_longer_bars_is_the_one_of_the_kernels(panel_maker, tables):
    panel = panel_maker(N_SESSIONS, SYMBOLS, bar_minutes=5)
    table = tables.history(World(panel, expected_volume=expected_volume(panel)))[0]
    assert table.warm_up[table.names.index("lag.return_30")] == 6
    assert table.warm_up[table.names.index("momentum.roc_30")] == 31


def test_extras_are_audited_like_the_rest(world, with_extra):
    short = world.part(0, 2)
    fixed = replace(world, expected_volume=expected_volume(world.panel))
    assert failing(warmup(fixed, with_extra.history, [2])) == set()
    findings = lookahead(short, with_extra.history, 1, np.random.default_rng(0))
    assert failing(findings) == set()
    assert next(finding.checked for finding in findings if finding.name == "extra.cci_20") > 1000


def test_a_live_value_of_other_bits_is_named(world, tables):
    compute = planted(tables, "trend.sma_20", lambda x: np.nextafter(x, np.float32(9.0)))
    assert failing(parity(world, compute, tables.live, 6)) == {"trend.sma_20"}


def test_five_minute_bars_are_audited_too(panel_maker, tables):
    panel = panel_maker(N_SESSIONS, SYMBOLS, bar_minutes=5)
    world = World(panel, expected_volume=expected_volume(panel))
    assert (
        failing(lookahead(replace(world, expected_volume=None), tables.history, 2, np.random.default_rng(4))) == set()
    )
    assert failing(warmup(world, tables.history, [2])) == set()
    assert failing(parity(world, tables.history, tables.live, 4)) == set()


@pytest.mark.parametrize("row", [3, 700, 1169, 1300])
def test_the_changed_and_the_cut_world_are_ours_up_to_the_moment(row, world):
    end = world.grid.minute_of_row[row] + 1
    session = world.grid.session_of_row[row]
    fixed_until = session + 1 + (row + 1 == world.grid.first_row[session + 1])
    for other in (world.changed_after(row, np.random.default_rng(row)), world.cut_after(row)):
        for name in ("open", "high", "low", "close", "volume", "vwap", "traded"):
            same = getattr(other.panel, name)[: row + 1], getattr(world.panel, name)[: row + 1]
            assert np.array_equal(*same, equal_nan=True)
            assert not np.array_equal(getattr(other.panel, name)[row + 1 :], getattr(world.panel, name)[row + 1 :])
        assert np.array_equal(other.ticks[: row + 1], world.ticks[: row + 1])
        known = [event_rows(one)[: row + 1] for one in (other, world)]
        assert np.array_equal(*known, equal_nan=True)
        for ours, theirs in (
            (world.panel.price_factor, other.panel.price_factor),
            (world.peers.member, other.peers.member),
            (world.market_cap, other.market_cap),
        ):
            n = min(fixed_until, len(theirs))
            assert np.array_equal(ours[:n], theirs[:n])
        assert all((one.known_at > end).sum() == 8 * (other.grid == world.grid) for one in other.events)


def test_a_changed_world_obeys_the_rules_of_a_panel(world):
    panel = world.changed_after(800, np.random.default_rng(0)).panel
    missing = np.isnan(panel.close)
    assert all(np.array_equal(np.isnan(getattr(panel, name)), missing) for name in ("open", "high", "low"))
    assert (panel.volume[missing] == 0.0).all()
    assert np.array_equal(panel.traded, panel.volume > 0.0)
    assert np.isnan(panel.vwap[~panel.traded]).all()
    there = ~missing
    assert (panel.high[there] >= np.maximum(panel.open, panel.close)[there]).all()
    assert (panel.low[there] <= np.minimum(panel.open, panel.close)[there]).all()


def test_the_moments_hold_the_start_ends_of_sessions_gaps_and_eves_of_splits(world):
    rows = set(moments(world.panel, 4, np.random.default_rng(3)).tolist())
    ends = set((world.grid.first_row[1:] - 1).tolist())
    assert {0, 3, 40} <= rows
    for away in (0, -2, -8, 1, 2, 3, 5):
        assert rows & {end + away for end in ends}
    assert int(world.grid.first_row[5]) - 1 in rows
    assert max(rows) < world.grid.n_rows - 1


def test_the_random_moments_are_spread_over_the_minutes_of_the_day(panel_maker):
    panel = panel_maker(N_SESSIONS, SYMBOLS)
    drawn = moments(panel, 10_000, np.random.default_rng(3))
    assert len(set(panel.grid.slot_of_row[drawn].tolist())) == 390
    share = panel.grid.slot_of_row / panel.grid.bars_per_session[panel.grid.session_of_row]
    for seed in range(3):
        few = moments(panel, 8, np.random.default_rng(seed))
        assert set((8 * share[few]).astype(int).tolist()) == set(range(8))


def test_prices_jump_far_enough_to_show_what_only_a_crash_or_a_doubling_tells(world):
    others = [world.changed_after(700, np.random.default_rng(seed)).panel.close[701:] for seed in range(4)]
    moves = np.array([np.nanmedian(other / world.panel.close[701:], axis=0) for other in others])
    assert moves.min() < 0.5
    assert moves.max() > 2.0
    assert ((moves > 0.6) & (moves < 1.7)).any()


def test_a_part_of_a_world_has_the_part_of_every_input(world):
    part = world.part(2, 5)
    assert part.grid.n_rows == len(part.ticks) == part.panel.close.shape[0]
    assert len(part.peers.member) == len(part.market_cap) == 3
    assert {field.name for field in fields(World)} == {
        "panel", "ticks", "events", "peers", "market_cap", "expected_volume",
    }  # fmt: skip


def test_a_flat_stretch_within_the_warm_up_leaves_nothing_of_a_wild_start(world, tables):
    scale = np.full(world.grid.n_rows, 1e-3)
    start = int(world.grid.first_row[4])
    scale[start - 200 : start] = 5e-2
    for end in (218, 280):
        scale[start + end - 33 : start + end] = 0.0
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, scale[:, None], world.panel.close.shape), 0))
    flat = dict.fromkeys(("open", "high", "low", "close", "vwap"), close)
    quiet = replace(world, panel=replace(world.panel, **flat))
    expected = expected_volume(quiet.panel)
    findings = warmup(replace(quiet, expected_volume=expected), tables.history, [4])
    assert {finding for finding in failing(findings) if finding.startswith("momentum.")} == set()
