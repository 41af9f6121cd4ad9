"""Download as a Ray Data pipeline: one item per symbol and month, each fetched, judged and stored on its own."""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from daytrader_ray.adapters.store import ParquetStore, months_between
from daytrader_ray.cluster.pipeline import mapped
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.sandbox.process import options

Item = tuple[str, str, dt.date, dt.date]
"""Symbol, month (`2025-03`), first and last day."""


@dataclass(frozen=True)
class DownloadReport:
    """What a download did; rows = accepted + quarantined, of the months fetched now."""

    symbols: int
    months: int
    months_fetched: int
    rows: int
    accepted: int
    quarantined: int


def download(
    base_url: str,
    api_key: str,
    root: str,
    symbols: Collection[str],
    start: dt.date,
    end: dt.date,
    progress: Callable[[int, int], None] | None = None,
) -> DownloadReport:
    """Fetch the minute bars of `symbols` from `start` to `end` into the store at `root`; Ray must be running.

    A month that is complete in the store is not asked for again, so the same command resumes after any interruption.
    `end` is a day whose bars are all there (before today). `progress` is told (done, all) months. `FeedError` at the
    first month that the vendor does not deliver; those before it stay. `DataError` where the store has bars of
    another market.
    """
    store = ParquetStore(root)
    store.claim(market_at(base_url))
    months = months_between(start, end)
    items = [(s, *month) for s in sorted(symbols) for month in months]
    wanted = [item for item in items if not store.is_downloaded(item[0], item[2], item[3])]
    done = len(items) - len(wanted)
    accepted = quarantined = 0
    for result in mapped(wanted, partial(_fetch, base_url, api_key, root)):
        done += 1
        accepted += result["accepted"]
        quarantined += result["quarantined"]
        if progress is not None:
            progress(done, len(items))
    return DownloadReport(
        symbols=len(symbols),
        months=len(items),
        months_fetched=len(wanted),
        rows=accepted + quarantined,
        accepted=accepted,
        quarantined=quarantined,
    )


def market_at(base_url: str) -> str:
    """Return which market an address serves: a vendor is known by its host, the built-in exchange by its options."""
    address = urlsplit(base_url)
    if address.scheme == "http":
        try:
            sandbox = options(base_url)
        except (OSError, ValueError, ConfigError):
            pass  # no exchange of ours; whether a vendor answers there is for the download to find out
        else:
            return sandbox.market_name
    return address.hostname or base_url


def _fetch(base_url: str, api_key: str, root: str, item: Item) -> dict[str, Any]:
    from daytrader_ray.adapters.polygon_rest import client, minute_bars
    from daytrader_ray.adapters.screening import screen

    symbol, month, first, last = item
    screened = screen(minute_bars(client(base_url, api_key), symbol, first, last))
    store = ParquetStore(root)
    store.quarantine(f"download/{symbol}-{first}-{last}", screened.quarantined)
    store.write_bars(symbol, month, screened.accepted, downloaded=(first, last))
    return {"accepted": screened.accepted.num_rows, "quarantined": screened.quarantined.num_rows}
