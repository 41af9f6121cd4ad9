"""Named crises: what a day of stress does to returns, volume, quotes and trading."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.source import Halt
from daytrader_ray.sandbox.traits import Traits, sector_of, symbol_key

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


class Stresses:
    """The crises and halts of a market by session."""

    def __init__(self, crises: Sequence[Crisis], halt_chance: float, seed: int, grid: SessionGrid) -> None:
        self._halt_chance = halt_chance
        self._seed = seed
        self._grid = grid
        self._by_session: dict[int, list[Crisis]] = {}
        for crisis in crises:
            self._by_session.setdefault(grid.index_of(crisis.session), []).append(crisis)

    def crises(self, session: int) -> Sequence[Crisis]:
        """Return the crises of a session, in the order of the configuration."""
        return self._by_session.get(session, ())

    def market(self, session: int) -> Stress | None:
        """Return what happens to the whole market; None on a usual day."""
        broad = [(crisis, 1.0) for crisis in self.crises(session) if _is_broad(crisis)]
        return _stress(broad, None, self._grid.sessions[session].n_minutes) if broad else None

    def of(self, symbol: str, traits: Traits, session: int) -> Stress | None:
        """Return what happens to a symbol, with its beta in the whole market's crises; None on a usual day."""
        found = ((crisis, _exposure(crisis, symbol, traits)) for crisis in self.crises(session))
        hits = [(crisis, exposure) for crisis, exposure in found if exposure is not None]
        pause = self._pause(symbol, session) if traits.kind == "CS" and self._halt_chance > 0 else None
        if not hits and pause is None:
            return None
        return _stress(hits, pause, self._grid.sessions[session].n_minutes)

    def _pause(self, symbol: str, session: int) -> tuple[Halt, float] | None:
        """Draw a trading pause and the log return that made it: 5 or 10 minutes, away from the session's edges."""
        rng = np.random.default_rng((self._seed, symbol_key(symbol), session, 4))
        if rng.random() >= self._halt_chance:
            return None
        start = int(rng.integers(15, self._grid.sessions[session].n_minutes - 30))
        stop = start + LULD_MINUTES * int(rng.integers(1, 3))
        return Halt(start, stop, whole_market=False), LULD_JUMP * float(rng.choice([-1.0, 1.0]))


def _is_broad(crisis: Crisis) -> bool:
    return not crisis.symbols and crisis.name != "sector_crash"


def _exposure(crisis: Crisis, symbol: str, traits: Traits) -> float | None:
    """Return how far a symbol follows a crisis: 1 where it is meant, its beta in the whole market, None if spared."""
    if crisis.name == "sector_crash":
        sectors = {sector_of(name) for name in crisis.symbols} or {DEFAULT_SECTOR}
        return 1.0 if traits.sector in sectors else None
    if crisis.symbols:
        return 1.0 if symbol in crisis.symbols else None
    return traits.beta


def _stress(crises: Sequence[tuple[Crisis, float]], pause: tuple[Halt, float] | None, n_bars: int) -> Stress:
    """Return what crises (each with the exposure to its returns) and a pause (with its jump) do together."""
    returns, quiet = np.zeros(n_bars), np.zeros(n_bars)
    volume, spread = np.ones(n_bars), np.ones(n_bars)
    gap, halts = 0.0, []
    for crisis, exposure in crises:
        shape, at = _SHAPES[crisis.name], crisis.minute
        for start, stop, move, busy, wide in shape.parts:
            on = slice(max(at + start, 0), max(at + stop, 0))
            returns[on] += exposure * move / (stop - start)
            volume[on] *= busy
            spread[on] *= wide
        gap += exposure * shape.gap
        quiet[at : at + shape.quiet] = 0.5
        if shape.halt and at < n_bars:
            halts.append(Halt(at, min(at + shape.halt, n_bars), whole_market=not crisis.symbols))
    if pause is not None:
        halt, jump = pause
        returns[halt.start - JUMP_MINUTES : halt.start] += jump / JUMP_MINUTES
        returns[halt.stop : halt.stop + RECOVERY_MINUTES] -= 0.5 * jump / RECOVERY_MINUTES
        volume[halt.start - JUMP_MINUTES : halt.stop + RECOVERY_MINUTES] *= 4.0
        halts.append(halt)
    return Stress(returns, volume, spread, quiet, gap, tuple(sorted(halts, key=lambda halt: halt.start)))


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
