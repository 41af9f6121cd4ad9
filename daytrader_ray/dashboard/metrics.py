"""What each metric is called, how it is written, and what it means in a line."""

from dataclasses import dataclass

from daytrader_ray.dashboard.formats import Format, depth, gain, number, share, signed_share, whole


@dataclass(frozen=True)
class Metric:
    """One line of the table of figures."""

    key: str
    name: str
    form: Format
    meaning: str


METRICS: tuple[Metric, ...] = (
    Metric("total_return", "Return, net", gain, "what the capital earned after all costs"),
    Metric("annual_return", "Return a year", signed_share, "the same, as if a year of 252 sessions went on like this"),
    Metric("volatility", "Volatility a year", share, "how much a year's result swings around its mean"),
    Metric(
        "sharpe", "Sharpe ratio", number, "mean over swing of daily returns, a year; from sessions, not from trades"
    ),
    Metric("sortino", "Sortino ratio", number, "the same, where only losses count as swing"),
    Metric("calmar", "Calmar ratio", number, "return a year over the deepest drawdown"),
    Metric(
        "intraday_drawdown",
        "Deepest drawdown, at bar closes",
        depth,
        "the worst fall from a peak that you would have seen",
    ),
    Metric("max_drawdown", "Deepest drawdown, at session closes", depth, "the worst fall from one evening to another"),
    Metric("drawdown_days", "Longest drawdown, sessions", whole, "the longest wait for a new peak"),
    Metric("beta", "Beta to SPY", number, "what the run moves when SPY moves by 1; 0 is market-neutral"),
    Metric("trades_a_day", "Round trips a day", number, "positions in stocks opened and closed"),
    Metric("win_rate", "Winning trades", share, "round trips in stocks that made money after costs"),
    Metric("profit_factor", "Profit factor", number, "money won over money lost; below 1 loses"),
    Metric("average_win_usd", "Average win, USD", number, "of a winning round trip"),
    Metric("average_loss_usd", "Average loss, USD", number, "of a losing round trip"),
    Metric("average_minutes", "Minutes held", number, "mean length of a round trip"),
    Metric(
        "turnover",
        "Turnover a day over equity",
        number,
        "value traded, both sides; 2 is the whole account once in and out",
    ),
    Metric("exposure", "Mean gross exposure", share, "longs and shorts over equity, all minutes of the session"),
    Metric("net_bps", "Net result, bps of value traded", number, "what is left of each 10,000 USD that change hands"),
    Metric("cost_bps", "Costs, bps of value traded", number, "spread, impact and fees"),
    Metric("cost_share", "Costs / gross profit", share, "how much of what was earned the market took back"),
    Metric(
        "capacity_usd",
        "Capacity, USD",
        whole,
        "the equity at which market impact halves the Sharpe ratio, or half of the entries meet the limit of volume",
    ),
    Metric("skewness", "Skewness of days", number, "below 0: rare large losses, above 0: rare large gains"),
    Metric("kurtosis", "Kurtosis of days", number, "3 is a bell curve; more means fatter tails"),
    Metric("var_5", "5 % value at risk a day", depth, "one session in twenty is worse; below 0 even that one gains"),
    Metric("shortfall_5", "Mean loss beyond it", depth, "what such a session loses on average"),
)
"""Everything that is measured of a run, in the order of the page."""

BY_KEY = {metric.key: metric for metric in METRICS}
