"""What `rehearse` and `live` say and refuse before anything is started."""

import dataclasses
import datetime as dt
import json

import pytest
from pydantic import SecretStr

from daytrader_ray.cli import live_cmd, rehearse_cmd, verdict_view
from daytrader_ray.cli.profile import load
from daytrader_ray.domain.errors import BundleError, ConfigError, FeedError
from daytrader_ray.models.bundle import SearchVerdict

MONDAY = dt.datetime(2025, 12, 1)  # noqa: DTZ001 - typer hands over naive days


@pytest.fixture(autouse=True)
def _quiet_logs_again():
    import structlog

    yield
    structlog.reset_defaults()


def test_the_live_profile_is_refused_because_it_would_trade_real_money():
    with pytest.raises(ConfigError, match="real money") as failure:
        live_cmd.refuse_real_money("live")
    assert failure.value.hint == "use --profile paper"


def test_paper_trading_without_keys_names_the_variables(tmp_path):
    from daytrader_ray.cli.session_spec import live_spec

    with pytest.raises(ConfigError, match="POLYGON_API_KEY, ALPACA_API_KEY, ALPACA_SECRET_KEY"):
        live_spec(load("paper", str(tmp_path), {}), MONDAY.date(), "latest")


def test_paper_trading_uses_the_paper_account_and_shows_no_key(tmp_path):
    from daytrader_ray.cli.session_spec import live_spec

    names = {"POLYGON_API_KEY": "poly-1", "ALPACA_API_KEY": "alp-1", "ALPACA_SECRET_KEY": "alp-2"}
    spec = live_spec(load("paper", str(tmp_path), names), MONDAY.date(), "0123456789abcdef")
    assert spec.broker.url == "https://paper-api.alpaca.markets" and spec.sandbox_url == ""
    assert spec.broker.secret == SecretStr("alp-2") and spec.feed.stream_url.startswith("wss://")
    assert not any(value in repr(spec) for value in names.values())


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("URL", "https://api.alpaca.markets"),
        ("URL", "https://paper-api.alpaca.markets@api.alpaca.markets"),
        ("URL", "https://paper-api.alpaca.markets.evil.example"),
        ("STREAM_URL", "wss://api.alpaca.markets/stream"),
        ("URL", "''"),
    ],
)
def test_real_money_is_refused_by_its_address_whatever_the_profile_is_called(tmp_path, key, url):
    from daytrader_ray.cli.session_spec import live_spec

    names = {"POLYGON_API_KEY": "poly-1", "ALPACA_API_KEY": "alp-1", "ALPACA_SECRET_KEY": "alp-2"}
    profile = load("paper", str(tmp_path), names | {f"DAYTRADER__ALPACA__{key}": url})
    with pytest.raises(ConfigError, match="may hold real money: refused") as failure:
        live_spec(profile, MONDAY.date(), "0123456789abcdef")
    assert f"'{url.strip(chr(39))}'" in failure.value.message


def test_a_recorded_market_that_has_no_quotes_to_send_is_refused(tmp_path):
    from daytrader_ray.cli.session_spec import rehearsal_spec

    recorded = {"DAYTRADER__SANDBOX__STORE": str(tmp_path), "DAYTRADER__LIVE__QUOTES": "[SPY]"}
    with pytest.raises(ConfigError, match=r"is recorded bars, it has no quotes to send") as failure:
        rehearsal_spec(load("sandbox", str(tmp_path), recorded), MONDAY.date(), "0123456789abcdef", "http://x")
    assert "live.quotes" in failure.value.hint


def test_a_broker_on_this_machine_is_no_real_money(tmp_path):
    from daytrader_ray.cli.session_spec import live_spec

    names = {"POLYGON_API_KEY": "poly-1", "ALPACA_API_KEY": "alp-1", "ALPACA_SECRET_KEY": "alp-2"}
    here = {"DAYTRADER__ALPACA__URL": "http://127.0.0.1:8080", "DAYTRADER__ALPACA__STREAM_URL": "ws://127.0.0.1:8080/s"}
    spec = live_spec(load("paper", str(tmp_path), names | here), MONDAY.date(), "0123456789abcdef")
    assert spec.broker.url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["search", "--data", "x"], "goes on where this one stopped"),
        (["demo"], "with --keep"),
        (["live"], "check orders and positions in the broker's account now"),
        (["rehearse", "--session", "2025-12-02"], "the same command starts anew"),
    ],
)
def test_after_ctrl_c_the_hint_is_true_for_the_command(monkeypatch, capsys, arguments, hint):
    from daytrader_ray.cli import main

    def interrupted():
        raise SystemExit(main.INTERRUPTED)

    monkeypatch.setattr("sys.argv", ["daytrader", *arguments])
    monkeypatch.setattr(main, "build", lambda: interrupted)
    monkeypatch.setattr(main, "_set_environment", lambda: None)
    with pytest.raises(SystemExit):
        main.main()
    assert hint in capsys.readouterr().err


def test_a_real_vendor_cannot_be_rehearsed(tmp_path):
    with pytest.raises(ConfigError, match="profile 'paper' trades at real vendors"):
        rehearse_cmd.run(load("paper", str(tmp_path), {}), MONDAY.date())


def test_a_rehearsal_says_first_what_proves_its_bundle(tmp_path, monkeypatch, capsys):
    from daytrader_ray.cluster.rehearsal import Rehearsal

    def rehearsed(profile, session, scorer, bundle, one_replica):
        said.append((bundle, capsys.readouterr().err))
        return Rehearsal(session, 3, 3, 1, 1, (), (), True, 5.0, 9.0)

    said, judged = [], SearchVerdict("search-1", "too short", "Too short: 20 days.", {"dsr": 0.4})
    monkeypatch.setattr(verdict_view, "verdict_of", lambda *_: judged)
    monkeypatch.setattr(rehearse_cmd, "run", rehearsed)
    rehearse_cmd.command(MONDAY, bundle="0123456789abcdef", data=str(tmp_path), json=True)
    assert said == [("0123456789abcdef", "verdict of search-1: Too short: 20 days.\n")]
    told = json.loads(capsys.readouterr().out)
    assert told["orders"] == 3 and told["verdict"] == dataclasses.asdict(judged)


def test_a_dead_sandbox_is_one_clear_line(tmp_path):
    profile = load("sandbox", str(tmp_path), {"DAYTRADER__SANDBOX__URL": "http://127.0.0.1:9"})
    with pytest.raises(FeedError, match=r"no sandbox answers at http://127.0.0.1:9"):
        rehearse_cmd.run(profile, MONDAY.date())


def test_a_store_without_a_bundle_is_one_clear_line(tmp_path):
    with pytest.raises(BundleError, match="no bundle under"):
        rehearse_cmd.run(load("sandbox", str(tmp_path), {}), MONDAY.date())
