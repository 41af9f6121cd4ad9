"""The ledger of trials: every out-of-sample curve that was ever made, because the luck of the best grows with each."""

from daytrader_ray.domain.config import Config


class Entry(Config):
    """One trial: an ensemble under one configuration, from one first out-of-sample day on.

    `key` is the content of (mask, configuration, first day) and not of the data's end: a curve that merely grew
    replaces its entry. `search` made it last. `first` and `last` are ISO days, `days` how many the curve has, `sharpe`
    the daily ratio, 0 without variation; `curve` the digest of its days and returns.
    """

    key: str
    mask: int
    members: tuple[str, ...]
    search: str
    configuration: str
    first: str
    last: str
    days: int
    sharpe: float
    curve: str
