"""A session through real sockets and real clients is the backtest of that session, to the share and the cent."""

import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.journal import journal_path, read
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.domain.errors import BundleError, ConfigError, DataError, FeedError, LockstepError
from daytrader_ray.domain.trading import OrderKind


@pytest.fixture(scope="module")
def rehearsal(profile, exchange, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    return rehearse(rehearsal_spec(profile, day.session, "latest", exchange))


def test_rehearsal_and_backtest_have_no_difference(rehearsal):
    assert rehearsal.differences == () and rehearsal.alarms == ()
    rehearsal.check()


def test_the_rehearsed_day_has_entries_stops_and_a_flat_end(rehearsal):
    assert rehearsal.orders >= 20 and rehearsal.fills >= 20
    assert rehearsal.stops >= 1 and rehearsal.flat_at_close


def test_every_order_and_fill_is_in_the_journal(rehearsal, day, profile):
    records = read(journal_path(Path(day.root), day.session, "rehearsal"))
    kinds = [record["kind"] for record in records]
    assert kinds.count("order") == rehearsal.orders and kinds.count("fill") == rehearsal.fills
    assert kinds[0] == "open" and kinds[-2:] == ["close", "feed"]
    assert kinds.count("mark") == 210


def test_entries_and_patient_exits_rest_as_limits_and_what_is_left_of_them_is_cancelled(rehearsal, day):
    orders = [r for r in read(journal_path(Path(day.root), day.session, "rehearsal")) if r["kind"] == "order"]
    fills = {r["client_order_id"] for r in read(journal_path(Path(day.root), day.session, "rehearsal")) if "phase" in r}
    assert all(order["limit_price"] for order in orders if order["order_kind"] == "ENTRY")
    limits = [order for order in orders if order["limit_price"]]
    assert 0 < sum(order["client_order_id"] in fills for order in limits) < len(limits)
    assert {order["order_kind"] for order in limits} == {"ENTRY", "EXIT"}
    assert any(order["order_kind"] == "CANCEL" for order in orders)


def test_session_and_backtest_are_stored_as_runs_of_the_same_numbers(rehearsal, day):
    session, backtest = (run_store.load(day.root, name) for name in rehearsal.runs)
    assert (session.manifest.kind, backtest.manifest.kind) == ("rehearsal", "backtest")
    assert len(session.orders) == rehearsal.orders and run_store.manifest_of(day.root).id == session.manifest.id
    for name in ("orders", "fills", "trades"):
        for column, values in vars(getattr(backtest, name)).items():
            other = getattr(getattr(session, name), column)
            np.testing.assert_array_equal(np.sort(other), np.sort(values), err_msg=column)
    assert session.curve.equity == pytest.approx(backtest.curve.equity, abs=1e-6)
    assert session.curve.beta_usd == pytest.approx(backtest.curve.beta_usd, abs=1e-6)
    order = np.argsort(session.decisions.client_order_id), np.argsort(backtest.decisions.client_order_id)
    for name in ("steps", "scores", "weights", "regime"):
        mine, other = (getattr(run.decisions, name)[at] for run, at in zip((session, backtest), order, strict=True))
        np.testing.assert_allclose(mine, other, atol=1e-9)


def test_the_slow_loop_says_the_same_to_the_last_bit_in_the_rehearsal_and_in_its_backtest(
    rehearsal, profile, exchange, day
):
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.cluster.replay import replay
    from daytrader_ray.engine.market import Start

    spec = rehearsal_spec(profile, day.session, "latest", exchange)
    traded = replay(spec, load_bundle(spec), Start(spec.cash))
    told = [json.loads(json.dumps(one.told(traded.frames.panel.symbols))) for one in traded.allocations]
    noted = [
        record for record in read(journal_path(Path(day.root), day.session, "rehearsal")) if record["kind"] == "budget"
    ]
    assert noted == [{"kind": "budget", **one} for one in told]
    assert [one["slot"] for one in told] == [-1, 59, 119, 179]  # half a day
    assert {OrderKind.HEDGE, OrderKind.ENTRY} <= {order.kind for order in traded.result.orders}
    assert {one["step"] for one in told[1:]} <= {"min_variance", "half_target"}


def test_another_threshold_on_one_side_is_found_as_a_difference(profile, exchange, day, rehearsal):
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.cluster.rehearsal import compare
    from daytrader_ray.cluster.replay import replay
    from daytrader_ray.engine.market import Start
    from daytrader_ray.engine.runner import SessionResult

    spec = rehearsal_spec(profile, day.session, "latest", exchange)
    bundle = load_bundle(spec)
    one = replay(spec, bundle, Start(spec.cash)).result
    other = replay(
        spec,
        dataclasses.replace(bundle, ensemble=dataclasses.replace(bundle.ensemble, threshold=0.5)),
        Start(spec.cash),
    ).result
    found = compare(spec, SessionResult(orders=list(one.orders), fills=list(one.fills)), other)
    with pytest.raises(LockstepError, match=r"differ .* first at minute"):
        found.check()


def test_a_rehearsal_without_orders_counts_as_failed(rehearsal):
    with pytest.raises(LockstepError, match="made no orders"):
        dataclasses.replace(rehearsal, orders=0).check()


def test_a_session_that_the_bundle_has_seen_is_refused(profile, exchange, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    with pytest.raises(BundleError, match=f"it has seen {day.seen}"):
        rehearse(rehearsal_spec(profile, day.seen, "latest", exchange))


def test_a_bundle_is_traded_only_by_the_rules_it_was_trained_with(profile, exchange, day, monkeypatch):
    from daytrader_ray.adapters import model_store
    from daytrader_ray.cluster.before import load_bundle

    spec = rehearsal_spec(profile, day.session, day.bundle_id, exchange)
    sections = {name: getattr(spec, name).model_dump(mode="json") for name in ("universe", "kernel", "costs", "regime")}
    bundle = model_store.load(day.root, day.bundle_id)
    plan = json.loads(json.dumps({**bundle.plan, "data": "x", "labels": {}, **sections}))
    bundle = dataclasses.replace(bundle, plan=plan)
    monkeypatch.setattr(model_store, "load", lambda *_: bundle)
    assert load_bundle(spec) is bundle
    wilder = dataclasses.replace(spec, kernel=spec.kernel.model_copy(update={"max_position": 0.5}))
    with pytest.raises(BundleError, match=r"trained with kernel.max_position = 0.05, this session has 0.5") as failure:
        load_bundle(wilder)
    assert failure.value.hint == "train again, or restore kernel.max_position"
    more = {**spec.universe.sectors, "three": ("IBM",)}
    with pytest.raises(BundleError, match=r"universe.sectors.three = nothing, this session has \['IBM'\]"):
        load_bundle(dataclasses.replace(spec, universe=spec.universe.model_copy(update={"sectors": more})))


def test_a_bundle_of_other_features_is_refused_with_the_names_that_differ(profile, exchange, day):
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.features.feature_set import FeaturesConfig, feature_set

    spec = rehearsal_spec(profile, day.session, day.bundle_id, exchange)
    other = feature_set(FeaturesConfig(extra=("CCI(20)", "MOM(10)")))
    with pytest.raises(BundleError, match=r"another feature set: extra.adx_14, extra.mom_10"):
        load_bundle(dataclasses.replace(spec, features=other))


def test_the_rehearsed_bundle_reads_the_extras(day):
    from daytrader_ray.adapters import model_store

    assert {"extra.cci_20", "extra.adx_14"} <= set(model_store.load(day.root, day.bundle_id).features)


def test_a_day_without_a_session_is_refused(profile, exchange, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    saturday = day.session + dt.timedelta(days=(5 - day.session.weekday()) % 7)
    with pytest.raises(DataError, match="no trading day"):
        rehearse(rehearsal_spec(profile, saturday, "latest", exchange))


def test_spreads_that_the_exchange_does_not_know_are_refused_by_name(profile, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    costs = profile.costs.model_copy(update={"spread": "estimated"})
    spec = rehearsal_spec(profile, day.session, "latest", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"costs\.spread is 'estimated'"):
        rehearse(dataclasses.replace(spec, costs=costs))


def test_a_session_without_bars_in_the_store_is_refused(profile, exchange, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    later = day.session + dt.timedelta(days=7)
    with pytest.raises(DataError, match=f"no bars of {later}"):
        rehearse(rehearsal_spec(profile, later, "latest", exchange))


def test_a_store_that_ends_before_the_last_session_is_refused(profile, day):
    from daytrader_ray.adapters import model_store
    from daytrader_ray.cluster.before import panel_until

    spec = rehearsal_spec(profile, day.session + dt.timedelta(days=7), "latest", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"the session of .* is missing in .* for AAPL, MRNA"):
        panel_until(spec, model_store.load(day.root, day.bundle_id))


async def test_live_trading_refuses_to_start_after_the_open(profile, exchange, day):
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.cluster.scoring import ProcessScorer
    from daytrader_ray.cluster.session import trade

    spec = dataclasses.replace(rehearsal_spec(profile, day.session, "latest", exchange), sandbox_url="")
    with pytest.raises(FeedError, match="opened 210 bars ago"):
        await trade(spec, ProcessScorer(load_bundle(spec)))
