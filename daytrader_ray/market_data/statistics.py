"""What is known of each symbol's trading before a session opens: volume, daily volatility, volume by minute.

For session s the history D is the last `HISTORY` sessions before s in which the symbol traded; with fewer than
`LEAST` of them everything is NaN. Sums run directly over D, oldest first: the bits do not depend on how much older
history is loaded, apart from the close of the one session before D.

Volumes are counted in the shares of session s (a volume of d times share_factor_s / share_factor_d), returns are those
of adjusted closes: a split or a dividend is neither volume nor volatility.
"""

import numpy as np

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Bool, Float64, Panel, SessionStatistics
from daytrader_ray.domain.sessions import Int64

HISTORY = 20
LEAST = 3


def session_statistics(panel: Panel) -> tuple[Float64, Float64, Float64]:
    """Return adv `[session, symbol]`, sigma_day `[session, symbol]` and expected_volume `[row, symbol]`.

    adv is the mean of the session volumes over D; sigma_day the standard deviation (ddof 1) of
    ln(close_d / close of the symbol's session before d) over d in D; expected_volume the mean volume of the same
    minute over those sessions of D in which that minute is known (not NaN), at least `LEAST`. Each session uses
    earlier ones only.
    """
    grid = panel.grid
    n_symbols = len(panel.symbols)
    adv = np.full((len(grid.sessions), n_symbols), np.nan)
    sigma_day = np.full_like(adv, np.nan)
    expected = np.full((grid.n_rows, n_symbols), np.nan)
    daily = _daily(grid.first_row, panel.close, panel.volume, panel.traded, panel.price_factor)
    minutes = panel.close, panel.volume
    for session in range(len(grid.sessions)):
        rows = slice(int(grid.first_row[session]), int(grid.first_row[session + 1]))
        out = adv[session], sigma_day[session]
        _before(session, grid.first_row, daily, minutes, panel.share_factor, out, expected[rows])
    return adv, sigma_day, expected


def next_session_statistics(panel: Panel, n_slots: int, share_factor: Float64) -> SessionStatistics:
    """Return what is known before the session after the panel's last one.

    That session has `n_slots` bars and the share factors `share_factor` `[symbol]`.
    """
    n_symbols = len(panel.symbols)
    out = SessionStatistics(
        adv=np.full(n_symbols, np.nan),
        sigma_day=np.full(n_symbols, np.nan),
        expected_volume=np.full((n_slots, n_symbols), np.nan),
    )
    first_row = panel.grid.first_row
    daily = _daily(first_row, panel.close, panel.volume, panel.traded, panel.price_factor)
    minutes = panel.close, panel.volume
    shares = np.concatenate([panel.share_factor, share_factor[None, :]])
    _before(len(first_row) - 1, first_row, daily, minutes, shares, (out.adv, out.sigma_day), out.expected_volume)
    return out


@njit
def _daily(
    first_row: Int64, close: Float64, volume: Float64, traded: Bool, price_factor: Float64
) -> tuple[Float64, Float64]:
    """Return raw volume and adjusted last close `[session, symbol]`; NaN where the symbol did not trade."""
    n_sessions, n_symbols = len(first_row) - 1, close.shape[1]
    totals = np.full((n_sessions, n_symbols), np.nan)
    closes = np.full((n_sessions, n_symbols), np.nan)
    for session in range(n_sessions):
        for symbol in range(n_symbols):
            total, last, any_trade = 0.0, np.nan, False
            for row in range(first_row[session], first_row[session + 1]):
                any_trade = any_trade or traded[row, symbol]
                total += volume[row, symbol]
                if not np.isnan(close[row, symbol]):
                    last = close[row, symbol]
            if any_trade:
                totals[session, symbol] = total
                closes[session, symbol] = last * price_factor[session, symbol]
    return totals, closes


@njit
def _before(
    session: int,
    first_row: Int64,
    daily: tuple[Float64, Float64],
    minutes: tuple[Float64, Float64],
    shares: Float64,
    out: tuple[Float64, Float64],
    expected: Float64,
) -> None:
    """Write the statistics of one session from the sessions before it."""
    totals, closes = daily
    adv, sigma_day = out
    history = np.empty(HISTORY + 1, dtype=np.int64)
    in_today = np.empty(HISTORY + 1)
    for symbol in range(totals.shape[1]):
        n = _history(session, totals[:, symbol], history)
        size = min(n, HISTORY)
        if size < LEAST:
            continue
        for k in range(size):
            in_today[k] = shares[session, symbol] / shares[history[k], symbol]
        total = 0.0
        for k in range(size - 1, -1, -1):
            total += totals[history[k], symbol] * in_today[k]
        adv[symbol] = total / size
        sigma_day[symbol] = _deviation(closes[:, symbol], history[:n], size)
        for slot in range(expected.shape[0]):
            expected[slot, symbol] = _minute_mean(first_row, minutes, symbol, slot, history[:size], in_today)


@njit
def _history(session: int, totals: Float64, history: Int64) -> int:
    """Write the traded sessions before `session`, newest first, and return how many: D and one more as its base."""
    n = 0
    d = session - 1
    while d >= 0 and n < len(history):
        if not np.isnan(totals[d]):
            history[n] = d
            n += 1
        d -= 1
    return n


@njit
def _deviation(closes: Float64, history: Int64, size: int) -> float:
    """Return the standard deviation (ddof 1) of the daily log returns of D that have a base."""
    n = min(size, len(history) - 1)
    returns = np.empty(n)
    total = 0.0
    for k in range(n):
        returns[k] = np.log(closes[history[n - 1 - k]] / closes[history[n - k]])
        total += returns[k]
    mean, squares = total / n, 0.0
    for k in range(n):
        squares += (returns[k] - mean) ** 2
    return float(np.sqrt(squares / (n - 1)))


@njit
def _minute_mean(
    first_row: Int64, minutes: tuple[Float64, Float64], symbol: int, slot: int, sessions: Int64, in_today: Float64
) -> float:
    """Return the mean volume of one minute over the sessions that know it; NaN with fewer than LEAST."""
    close, volume = minutes
    known, total = 0, 0.0
    for k in range(len(sessions) - 1, -1, -1):
        row = first_row[sessions[k]] + slot
        if row < first_row[sessions[k] + 1] and not np.isnan(close[row, symbol]):
            known += 1
            total += volume[row, symbol] * in_today[k]
    return total / known if known >= LEAST else np.nan
