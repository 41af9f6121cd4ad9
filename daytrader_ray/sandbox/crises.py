"""Named crises: what a day of stress does to returns, volume, quotes and trading."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.sandbox.source import Halt

Float64 = npt.NDArray[np.float64]

DEFAULT_SECTOR = "Technology"
LULD_JUMP, JUMP_MINUTES, RECOVERY_MINUTES = 0.05, 3, 10
"""A pause of one stock follows a move of 5 % within 3 minutes; half of it comes back in the 10 after."""
LULD_MINUTES = 5


class Crisis(Config):
    """One crisis on one day.

    `flash_crash` (-8 % in 5 minutes and back in 10), `market_halt` (-7 % in the 20 minutes before, then nothing trades
    for 15), `sector_crash` (-10 % in an hour, the whole sector of each of `symbols`; Technology without), `gap_open`
    (-6 % overnight; `minute` has no meaning) and `liquidity_vacuum` (30 minutes with 3 % of the volume, half the
    minutes without a trade, spreads ten times as wide). It begins in `minute` of the session. Without `symbols` it
    moves the market factor, and every symbol by its beta; with them only these.
    """

    name: Literal["flash_crash", "market_halt", "sector_crash", "gap_open", "liquidity_vacuum"]
    session: dt.date
    minute: int = Field(default=120, ge=0, lt=390)
    symbols: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stress:
    """What a symbol's crises and halts add in one session.

    Log returns, factors of volume and spread, share of quiet minutes `[slot]`; log gap before the open; its halts.
    """

    returns: Float64
    volume: Float64
    spread: Float64
    quiet: Float64
    gap: float
    halts: tuple[Halt, ...]


def stress_of(crises: Sequence[tuple[Crisis, float]], own: Halt | None, jump: float, n_bars: int) -> Stress:
    """Return what crises (each with the symbol's exposure to its returns) and a halt of its own do in a session.

    `jump` is the log return that made the own halt.
    """
    returns, quiet = np.zeros(n_bars), np.zeros(n_bars)
    volume, spread = np.ones(n_bars), np.ones(n_bars)
    gap, halts = 0.0, []
    for crisis, exposure in crises:
        shape = _SHAPES[crisis.name]
        at = crisis.minute
        for start, stop, move, busy, wide in shape.parts:
            on = slice(max(at + start, 0), max(at + stop, 0))
            returns[on] += exposure * move / (stop - start)
            volume[on] *= busy
            spread[on] *= wide
        gap += exposure * shape.gap
        quiet[at : at + shape.quiet] = 0.5
        if shape.halt and at < n_bars:
            halts.append(Halt(at, min(at + shape.halt, n_bars), whole_market=not crisis.symbols))
    if own is not None:
        returns[own.start - JUMP_MINUTES : own.start] += jump / JUMP_MINUTES
        returns[own.stop : own.stop + RECOVERY_MINUTES] -= 0.5 * jump / RECOVERY_MINUTES
        volume[own.start - JUMP_MINUTES : own.stop + RECOVERY_MINUTES] *= 4.0
        halts.append(own)
    return Stress(returns, volume, spread, quiet, gap, tuple(sorted(halts, key=lambda halt: halt.start)))


def own_halt(rng: np.random.Generator, n_bars: int) -> tuple[Halt, float]:
    """Draw a trading pause of one stock and the jump (log return) before it: 5 or 10 minutes, never at the edges."""
    start = int(rng.integers(15, n_bars - 30))
    length = LULD_MINUTES * int(rng.integers(1, 3))
    return Halt(start, start + length, whole_market=False), LULD_JUMP * float(rng.choice([-1.0, 1.0]))


class _Shape(NamedTuple):
    """Parts (first and last minute after the start, log return, factors of volume and spread), and what else."""

    parts: tuple[tuple[int, int, float, float, float], ...] = ()
    gap: float = 0.0
    halt: int = 0
    quiet: int = 0


_SHAPES = {
    "flash_crash": _Shape(((0, 5, float(np.log(0.92)), 8.0, 5.0), (5, 15, -float(np.log(0.92)), 8.0, 5.0))),
    "market_halt": _Shape(((-20, 0, float(np.log(0.93)), 4.0, 3.0), (15, 60, 0.02, 2.0, 2.0)), halt=15),
    "sector_crash": _Shape(((0, 60, float(np.log(0.90)), 3.0, 2.0),)),
    "gap_open": _Shape(((0, 30, 0.01, 3.0, 2.0),), gap=float(np.log(0.94))),
    "liquidity_vacuum": _Shape(((0, 30, 0.0, 0.03, 10.0),), quiet=30),
}
