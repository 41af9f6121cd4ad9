"""The universe as a list: stocks by sector and the days on which they belong to it, reference instruments, rules."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.indices import is_index
from daytrader_ray.universe.criteria import REGISTRY, Rule, Use, completed

UNCLASSIFIED = "unclassified"


class Membership(Config):
    """First and last day on which a stock belongs to the universe; None: without end."""

    since: dt.date | None = None
    until: dt.date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}")
        return self


class RotationConfig(Config):
    """How sectors share the book; see `universe.rotation`."""

    enabled: bool = Field(default=True, description="weaker sectors get less than kernel.max_sector")
    temperature: float = Field(default=2.0, gt=0, description="of the softmax: the higher, the more equal the budgets")


class UniverseConfig(Config):
    """Which symbols are traded and which are only watched.

    `sectors` maps a sector's name to its stocks; `membership` limits some of them to certain days, so that one that has
    delisted stays in the universe of last year. `references` (ETFs, indices such as `I:VIX`) feed features and the
    regime model and are never traded; `proxies` names the reference that stands for a sector (without one its own
    members do). `eligibility` overrides rules of `universe.criteria.REGISTRY`; `pinned` stocks need not meet them.
    `max_symbols` keeps the best by score (None: all). `chosen_on` is the day the list was made: a backtest before it
    knows the future.
    """

    sectors: Mapping[str, tuple[str, ...]]
    membership: Mapping[str, Membership] = {}
    pinned: tuple[str, ...] = ()
    references: tuple[str, ...] = ("SPY", "QQQ", "TLT", "GLD")
    proxies: Mapping[str, str] = {}
    eligibility: Mapping[str, Rule] = {name: criterion.rule for name, criterion in REGISTRY.items()}
    max_symbols: int | None = Field(default=None, ge=1)
    rotation: RotationConfig = RotationConfig()
    chosen_on: dt.date | None = None

    @field_validator("eligibility", mode="before")
    @classmethod
    def _with_defaults(cls, given: Any) -> dict[str, Any]:
        return completed(given)

    @model_validator(mode="after")
    def _each_symbol_once(self) -> Self:
        names = [symbol for stocks in self.sectors.values() for symbol in stocks] + list(self.references)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"each symbol belongs to one sector or to the references; listed twice: {', '.join(twice)}"
            )
        return self

    @model_validator(mode="after")
    def _no_index_is_traded(self) -> Self:
        indices = [symbol for symbol in self.stocks if is_index(symbol)]
        if indices:
            raise ValueError(f"nobody trades an index; it belongs to the references: {', '.join(indices)}")
        return self

    @model_validator(mode="after")
    def _names_are_listed(self) -> Self:
        _require("pinned", "stocks of a sector", self.pinned, self.stocks)
        _require("membership", "stocks of a sector", self.membership, self.stocks)
        _require("proxies", "sectors", self.proxies, self.sectors)
        _require("proxies", "references", self.proxies.values(), self.references)
        return self

    @property
    def stocks(self) -> tuple[str, ...]:
        """Return the symbols that may be traded on some day, sorted."""
        return tuple(sorted(symbol for stocks in self.sectors.values() for symbol in stocks))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Return stocks and references, sorted."""
        return tuple(sorted({*self.stocks, *self.references}))

    @property
    def sector_names(self) -> tuple[str, ...]:
        """Return the sectors in the order of their numbers: sorted, without stocks that have none."""
        return tuple(sorted(set(self.sectors) - {UNCLASSIFIED}))

    def sector_of(self, symbol: str) -> str:
        """Return the sector of `symbol`, `unclassified` where the list does not know it."""
        for name, stocks in self.sectors.items():
            if symbol in stocks:
                return name
        return UNCLASSIFIED

    def has(self, symbol: str, day: dt.date) -> bool:
        """Return whether the list has the stock `symbol` on `day`."""
        if not any(symbol in stocks for stocks in self.sectors.values()):
            return False
        span = self.membership.get(symbol)
        return span is None or (span.since or day) <= day <= (span.until or day)

    def replaced_by(self, symbols: tuple[str, ...]) -> "UniverseConfig":
        """Return a universe of exactly `symbols`, all but indices traded, without rules, known sectors kept."""
        sectors: dict[str, tuple[str, ...]] = {}
        indices = tuple(symbol for symbol in sorted(set(symbols)) if is_index(symbol))
        for symbol in sorted(set(symbols).difference(indices)):
            sector = self.sector_of(symbol)
            sectors[sector] = (*sectors.get(sector, ()), symbol)
        off = {name: rule.model_copy(update={"use": Use.OFF}) for name, rule in self.eligibility.items()}
        return UniverseConfig(sectors=sectors, references=indices, eligibility=off, chosen_on=self.chosen_on)


def _require(key: str, what: str, names: Any, known: Any) -> None:
    strange = sorted(set(names).difference(known))
    if strange:
        raise ValueError(f"{key} names {', '.join(strange)}: expected {what}")
