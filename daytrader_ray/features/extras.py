"""Features that the configuration names: functions of TA-Lib and of the user's own files, over a trailing window."""

import ast
from typing import NamedTuple, NoReturn, Protocol

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.features.registry import Feature

Float64 = npt.NDArray[np.float64]

FAMILY = "extra"
HINT = "write CCI(20), BBANDS(20, 2, 2).upperband or my_features.py:wick(14)"
NAN = "where the function gives no finite value"
LONGEST = 5000
"""Most bars that a window may have."""


class History(NamedTuple):
    """Bars of one symbol, oldest first, read-only float64 `[bar]` each.

    Prices (USD) and volumes (shares) are adjusted forward; `vwap` is NaN in minutes without one; `minute` is the epoch
    minute (UTC) in which the bar starts. A quiet minute has the last close and volume 0.
    """

    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    vwap: Float64
    minute: Float64


FIELDS = len(History._fields)
CLOSE = History._fields.index("close")


class Function(Protocol):
    """What gives an extra its value: a frozen value that another process can be sent."""

    def __call__(self, history: History, start: int, stop: int) -> float:
        """Return the last value over the bars `[start, stop)` of `history`, which are all it may look at."""


class Extra(NamedTuple):
    """A configured feature: its registry line, its `function`, the bars of its window and its `origin`.

    The origin (TA-Lib's version, the SHA-256 of a file) tells two functions of one name apart.
    """

    feature: Feature
    function: Function
    window: int
    origin: str


class Call(NamedTuple):
    """A function as the configuration writes it: `name(arguments, keywords).output`, numbers only; output may be ''."""

    text: str
    name: str
    arguments: tuple[float, ...]
    keywords: dict[str, float]
    output: str


def parse(text: str) -> Extra:
    """Return the extra that `text` describes; a `ConfigError` says what is wrong with it."""
    from daytrader_ray.features.own_function import own_extra
    from daytrader_ray.features.talib_function import talib_extra

    path, colon, call = text.rpartition(":")
    return own_extra(path.strip(), read_call(text, call)) if colon else talib_extra(read_call(text, text))


def read_call(text: str, call: str) -> Call:
    """Read `call`, the part of `text` that is written like a call."""
    try:
        node: ast.expr = ast.parse(call.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        refuse(text, "not readable", HINT)
    output = ""
    if isinstance(node, ast.Attribute):
        output = node.attr
        node = node.value
    function = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    if not isinstance(function.func, ast.Name):
        refuse(text, "not readable", HINT)
    arguments = tuple(_number(text, value) for value in function.args)
    keywords = {keyword.arg or "**": _number(text, keyword.value) for keyword in function.keywords}
    return Call(text, function.func.id, arguments, keywords, output)


def refuse(text: str, what: str, hint: str = "") -> NoReturn:
    """Raise the `ConfigError` of an extra that cannot be used."""
    raise ConfigError(f"features.extra: '{text}': {what}", hint)


def _number(text: str, node: ast.expr) -> float:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**31:
        refuse(text, f"expected numbers, found {ast.unparse(node)}", HINT)
    return value
