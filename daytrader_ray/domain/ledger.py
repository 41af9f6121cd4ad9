"""The ledger of trials: every out-of-sample curve that was ever made, because the luck of the best grows with each."""

from daytrader_ray.domain.config import Config


class Entry(Config):
    """One trial: an ensemble under one configuration, from one first out-of-sample day on.

    `key` is the content of (mask, configuration, first day) and not of the data's end: a curve that merely grew
    replaces its entry. `settings` is the digest of the configuration without the program's own code and libraries.
    `search` made it last. `first` and `last` are ISO days, `days` how many the curve has, `sharpe` the daily ratio, 0
    without variation; `curve` the digest of its days and returns. `looks` are all the last days that it has been judged
    on, sorted: each was a chance to look good.
    """

    key: str
    mask: int
    members: tuple[str, ...]
    search: str
    configuration: str
    settings: str
    first: str
    last: str
    days: int
    sharpe: float
    curve: str
    looks: tuple[str, ...]

    def after(self, before: "Entry") -> "Entry":
        """Return the entry of the same key after an earlier one: the longer curve, all looks."""
        longer = before if before.last > self.last else self
        return longer.model_copy(update={"looks": tuple(sorted({*before.looks, *self.looks}))})
