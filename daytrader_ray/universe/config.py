"""The universe as a list: symbols by sector, reference instruments, and a volume filter."""

import datetime as dt
from collections.abc import Mapping

from pydantic import Field, model_validator

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.indices import is_index

UNCLASSIFIED = "unclassified"


class UniverseConfig(Config):
    """Which symbols are traded and which are only watched.

    `sectors` maps a sector's name to its stocks; `references` (ETFs, indices such as `I:VIX`) feed features and the
    regime model and are never traded; `min_mean_volume` shares is the eligibility filter on the mean volume of the
    last 20 sessions, 0 for none. `chosen_on` is the day the list was made: a backtest before it knows the future.
    """

    sectors: Mapping[str, tuple[str, ...]]
    references: tuple[str, ...] = ("SPY", "QQQ", "TLT", "GLD")
    min_mean_volume: float = Field(default=10e6, ge=0)
    chosen_on: dt.date | None = None

    @model_validator(mode="after")
    def _each_symbol_once(self) -> "UniverseConfig":
        names = [symbol for stocks in self.sectors.values() for symbol in stocks] + list(self.references)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"each symbol belongs to one sector or to the references; listed twice: {', '.join(twice)}"
            )
        return self

    @model_validator(mode="after")
    def _no_index_is_traded(self) -> "UniverseConfig":
        indices = [symbol for symbol in self.stocks if is_index(symbol)]
        if indices:
            raise ValueError(f"nobody trades an index; it belongs to the references: {', '.join(indices)}")
        return self

    @property
    def stocks(self) -> tuple[str, ...]:
        """Return the symbols that may be traded, sorted."""
        return tuple(sorted(symbol for stocks in self.sectors.values() for symbol in stocks))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return stocks and references, sorted."""
        return tuple(sorted({*self.stocks, *self.references}))

    def sector_of(self, symbol: str) -> str:
        """Return the sector of `symbol`, `unclassified` where the list does not know it."""
        for name, stocks in self.sectors.items():
            if symbol in stocks:
                return name
        return UNCLASSIFIED

    def replaced_by(self, symbols: tuple[str, ...]) -> "UniverseConfig":
        """Return a universe of exactly `symbols`, all but indices traded, unfiltered, known sectors kept."""
        sectors: dict[str, tuple[str, ...]] = {}
        indices = tuple(symbol for symbol in sorted(set(symbols)) if is_index(symbol))
        for symbol in sorted(set(symbols).difference(indices)):
            sector = self.sector_of(symbol)
            sectors[sector] = (*sectors.get(sector, ()), symbol)
        return UniverseConfig(sectors=sectors, references=indices, min_mean_volume=0.0, chosen_on=self.chosen_on)
