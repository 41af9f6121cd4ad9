"""From a profile to the plain values that a trading session needs."""

import datetime as dt
from urllib.parse import urlparse

from pydantic import SecretStr

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.alpaca_http import BrokerConfig
from daytrader_ray.adapters.live_config import FeedConfig, LiveConfig
from daytrader_ray.cli.profile import Profile
from daytrader_ray.cluster.spec import Pace, SessionSpec
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.sandbox.playing import state_at

SANDBOX_KEY = SecretStr("sandbox")
REHEARSAL_SECONDS = 20.0
REHEARSAL_FLATTEN_SECONDS = 10.0
PAPER_HOSTS = ("paper-api.alpaca.markets", "127.0.0.1", "localhost", "::1")
"""The only servers that orders are sent to: none of them holds real money."""


def bundle_id(profile: Profile, bundle: str) -> str:
    """Return the id of the bundle to trade: `latest` or as given."""
    return model_store.latest(profile.root) if bundle == "latest" else bundle


def rehearsal_spec(profile: Profile, session: dt.date, bundle: str, url: str) -> SessionSpec:
    """Describe a session on the loopback exchange at `url`, which holds the clock.

    A `ConfigError` where the exchange plays recorded bars and could not send the quotes or trades that are followed.
    """
    followed = [name for name in ("quotes", "trades") if getattr(profile.live, name)]
    if profile.sandbox.store is not None and followed:
        raise ConfigError(
            f"profile '{profile.name}': the market of {profile.sandbox.store} is recorded bars, it has no "
            f"{' or '.join(followed)} to send",
            f"leave out live.{followed[0]} and train without, or rehearse on the synthetic market",
        )
    streams = "ws" + url.removeprefix("http").rstrip("/")
    return SessionSpec(
        root=profile.root,
        date=session,
        bundle_id=bundle_id(profile, bundle),
        universe=profile.universe,
        features=feature_set(profile.features),
        kernel=profile.kernel,
        costs=profile.costs,
        regime=profile.regime,
        portfolio=profile.portfolio,
        feed=FeedConfig(
            stream_url=f"{streams}/stocks",
            url=url,
            key=SANDBOX_KEY,
            rules=LiveConfig(quotes=profile.live.quotes, trades=profile.live.trades),
        ),
        broker=BrokerConfig(
            url=url,
            stream_url=f"{streams}/stream",
            key=SANDBOX_KEY,
            secret=SANDBOX_KEY,
            flatten_seconds=REHEARSAL_FLATTEN_SECONDS,
        ),
        journal_root=profile.root,
        sandbox_url=url,
        cash=profile.sandbox.cash,
        score_seconds=REHEARSAL_SECONDS,
    )


def live_spec(profile: Profile, today: dt.date, bundle: str) -> SessionSpec:
    """Describe today's session at the vendors of `profile`; where they are an exchange that plays, the one it plays.

    A `ConfigError` names a broker's URL that is not known to be paper, or the keys that are missing.
    """
    for url in (profile.alpaca.url, profile.alpaca.stream_url):
        if urlparse(url).hostname not in PAPER_HOSTS:
            raise ConfigError(
                f"profile '{profile.name}': the broker at '{url}' may hold real money: refused",
                f"only https://{PAPER_HOSTS[0]}, its stream and this machine are traded on",
            )
    keys = profile.keys
    missing = [
        name
        for name, key in (
            ("POLYGON_API_KEY", keys.polygon),
            ("ALPACA_API_KEY", keys.alpaca_key),
            ("ALPACA_SECRET_KEY", keys.alpaca_secret),
        )
        if not key.get_secret_value()
    ]
    if missing:
        raise ConfigError(f"profile '{profile.name}' needs {', '.join(missing)} in the environment")
    alpaca, (session, pace) = profile.alpaca, _time_at(profile.polygon.url, today)
    return SessionSpec(
        root=profile.root,
        date=session,
        bundle_id=bundle_id(profile, bundle),
        universe=profile.universe,
        features=feature_set(profile.features),
        kernel=profile.kernel,
        costs=profile.costs,
        regime=profile.regime,
        portfolio=profile.portfolio,
        feed=FeedConfig(
            stream_url=profile.polygon.stream_url,
            url=profile.polygon.url,
            key=keys.polygon,
            second_key=keys.alpaca_key,
            second_secret=keys.alpaca_secret,
            rules=profile.live,
        ),
        broker=BrokerConfig(
            url=alpaca.url, stream_url=alpaca.stream_url, key=keys.alpaca_key, secret=keys.alpaca_secret
        ),
        journal_root=profile.root,
        pace=pace,
    )


def _time_at(url: str, today: dt.date) -> tuple[dt.date, Pace]:
    """Return the session at hand and its time: those of the exchange of this machine that plays at `url`, else ours."""
    state = state_at(url)
    if state is None:
        return today, Pace()
    if state["state"] != "playing":
        raise ConfigError(
            f"the exchange at {url} plays no session (it is {state['state']})",
            "start it with `daytrader sandbox --session 2025-11-28 --speed 60`",
        )
    return dt.date.fromisoformat(state["session"]), Pace(state["speed"], **state["anchor"])
