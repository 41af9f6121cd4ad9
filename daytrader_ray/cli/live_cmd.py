"""`daytrader live`: today's session on the paper account."""

import datetime as dt
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

NEW_YORK = ZoneInfo("America/New_York")


def command(
    profile: Annotated[str, typer.Option(help="paper, or the path of a YAML file.")] = "paper",
    bundle: Annotated[str, typer.Option(help="Bundle id.")] = "latest",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    one_replica: Annotated[bool, typer.Option(help="All members in one process.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Trade today's session on Alpaca's paper account with Polygon's bars; ends after the close.

    Needs POLYGON_API_KEY, ALPACA_API_KEY and ALPACA_SECRET_KEY. Real money is not traded by this version.

    Says first what the search behind the bundle proves, and warns where that is nothing.

    To practise, name `daytrader sandbox --session DAY --speed N` as both vendors in a profile of your own (any keys).

    Example: daytrader live --profile paper
    """
    refuse_real_money(profile)
    from dataclasses import asdict

    import orjson
    from rich.console import Console

    from daytrader_ray.adapters import logs
    from daytrader_ray.cli import verdict_view
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.session_spec import live_spec
    from daytrader_ray.cluster.live import serve_and_trade
    from daytrader_ray.cluster.runs import keep_live
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.domain.errors import BrokerError, ConfigError

    loaded = load(profile, data)
    if loaded.is_sandbox:
        raise ConfigError(f"profile '{loaded.name}' has no live market", "use `daytrader rehearse`, or --profile paper")
    spec = live_spec(loaded, dt.datetime.now(NEW_YORK).date(), bundle)  # noqa: TID251 - the edge: what day is it?
    logs.configure(secrets=spec.secrets)
    console = Console(stderr=True, soft_wrap=True, markup=False)
    verdict = verdict_view.verdict_of(spec.root, spec.bundle_id)
    console.print(verdict_view.sentence(verdict))
    if warned := verdict_view.warning(verdict):
        console.print(warned, style="yellow")
    with started(data_root=loaded.root):
        result = serve_and_trade(spec, one_replica)
    for alarm in result.alarms:
        console.print(alarm, style="red")
    console.print(
        f"{spec.date}: {len(result.orders)} orders, {len(result.fills)} fills, cash {result.cash:,.2f} USD, "
        f"{'flat at the close' if result.flat_at_close else 'NOT FLAT: close what is left now'}"
    )
    for alarm in (kept := keep_live(spec, result)):  # takes minutes: after all that may need a hand now
        console.print(alarm, style="red")
    if json:
        counts = {"orders": len(result.orders), "fills": len(result.fills), "alarms": len(result.alarms) + len(kept)}
        values = {"session": spec.date.isoformat(), **counts, "cash": result.cash, "flat": result.flat_at_close}
        values |= {"verdict": asdict(verdict)}
        typer.echo(orjson.dumps(values).decode())
    if not result.flat_at_close:
        raise BrokerError(f"{spec.date} did not end flat", "close what is left in the broker's account")


def refuse_real_money(profile: str) -> None:
    """Raise a `ConfigError` for the profile that would trade real money."""
    from daytrader_ray.domain.errors import ConfigError

    if profile == "live":
        raise ConfigError("profile 'live' would trade real money: refused", "use --profile paper")
