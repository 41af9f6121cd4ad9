"""Any function of TA-Lib as a feature."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import talib
from talib.abstract import Function  # type: ignore[attr-defined]

from daytrader_ray.features.extras import FAMILY, LONGEST, NAN, Call, Extra, Float64, History, refuse
from daytrader_ray.features.registry import Feature

FORGOTTEN = 1e-7
"""A window is long enough when twice as many bars change the value by less than this share of it."""

ANCHORED = 390
"""Window of a function that never forgets: its sum runs over the last 390 bars, its index counts in them."""
NEVER_FORGET = ("AD", "CUMSUM", "MAXINDEX", "MININDEX", "MINMAXINDEX", "NVI", "OBV", "PVI", "PVT", "VWAP", "WAD")
"""Sums over the whole history, and positions in it."""
MEASURED = {"HT_TRENDMODE": "HT_SINE"}
"""An output of 0 and 1 hides its memory from a test of values: that of what it is decided from counts."""

_ENDS, _APART = 64, 61
_AVERAGE_TYPE = "matype"


@dataclass(frozen=True)
class TalibFunction:
    """`name(*inputs, *parameters)`, its output number `output`."""

    name: str
    inputs: tuple[str, ...]
    parameters: tuple[float, ...]
    output: int

    def __call__(self, history: History, start: int, stop: int) -> float:
        """Return the last value over the bars `[start, stop)`."""
        bars = [getattr(history, name)[start:stop] for name in self.inputs]
        found = _function(self.name)(*bars, *self.parameters)
        return float((found[self.output] if isinstance(found, tuple) else found)[-1])


def talib_extra(call: Call) -> Extra:
    """Return the extra of a call of TA-Lib; a `ConfigError` where the library does not have it so.

    Arguments are the function's parameters in TA-Lib's order, types of moving averages left out: these are given by
    name (`BBANDS(20, matype=1)`), as any other may be. One of several outputs is chosen by its name or the start of it.
    """
    name = call.name.upper()
    known: list[str] = talib.get_functions()  # type: ignore[no-untyped-call]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        refuse(call.text, f"TA-Lib has no function {call.name}", f"did you mean {near[0]}?" if near else "")
    info: Mapping[str, Any] = Function(name).info
    given = _parameters(call, info["parameters"])
    function = TalibFunction(name, _inputs(call, info["input_names"]), tuple(given.values()), _output(call, info))
    outputs = info["output_names"]
    output = outputs[function.output] if len(outputs) > 1 else ""
    window = _window(function, _lookback(call, name, given))
    if window > LONGEST:
        refuse(call.text, f"forgets its first bars only after more than {LONGEST}", "a shorter period forgets sooner")
    values = ", ".join(f"{key}={value:g}" for key, value in given.items())
    words = f"{name}({values})" + (f".{output}" if output else "")
    feature = Feature(
        name=f"{FAMILY}.{_column(name, given, info['parameters'], output)}",
        formula=f"{words} of {', '.join(function.inputs)}: the last value over the last {window} bars",
        lookback=window,
        source=f"TA-Lib {talib.__version__}",
        nan=NAN,
    )
    return Extra(feature, function, window, f"TA-Lib {talib.__version__}")


def _parameters(call: Call, defaults: Mapping[str, float]) -> dict[str, float]:
    """Return the value of every parameter, in TA-Lib's order."""
    numbered = [name for name in defaults if not name.endswith(_AVERAGE_TYPE)]
    takes = f"{call.name.upper()} takes {', '.join(defaults) or 'no parameters'}"
    if len(call.arguments) > len(numbered):
        refuse(call.text, f"{len(call.arguments)} numbers, expected at most {len(numbered)}", takes)
    given = dict(zip(numbered, call.arguments, strict=False))
    for name, value in call.keywords.items():
        if name not in defaults or name in given:
            refuse(call.text, f"parameter {name} is {'given twice' if name in given else 'unknown'}", takes)
        given[name] = value
    for name, value in given.items():
        if isinstance(defaults[name], int) and value != int(value):
            refuse(call.text, f"{name} is a whole number, found {value:g}", takes)
    return {name: type(default)(given.get(name, default)) for name, default in defaults.items()}


def _inputs(call: Call, names: Mapping[str, str | list[str]]) -> tuple[str, ...]:
    found: list[str] = []
    for fields in names.values():
        found += [fields] if isinstance(fields, str) else fields
    others = [name for name in found if name not in History._fields]
    if others:
        refuse(call.text, f"{call.name.upper()} needs {', '.join(others)}, which bars do not have")
    return tuple(found)


def _output(call: Call, info: Mapping[str, Any]) -> int:
    names = list(info["output_names"])
    fitting = [name for name in names if name == call.output] or [n for n in names if n.startswith(call.output)]
    if len(fitting) != 1:
        asked = f"output '{call.output}' is not clear" if call.output else f"{len(names)} outputs"
        refuse(
            call.text,
            f"{asked}, expected one of {', '.join(names)}",
            "" if call.output else f"write {call.text}.{names[0]}",
        )
    return names.index(fitting[0])


def _column(name: str, given: Mapping[str, float], defaults: Mapping[str, float], output: str) -> str:
    """Return the feature's name: all numbers, types of moving averages only where another one is asked for."""
    parts = [name.lower()]
    for key, value in given.items():
        if not key.endswith(_AVERAGE_TYPE):
            parts.append(f"{value:g}")
        elif value != defaults[key]:
            parts.append(f"{key}{value:g}")
    return "_".join([*parts, output] if output else parts)


def _lookback(call: Call, name: str, given: Mapping[str, float]) -> int:
    asked = Function(name)
    asked.parameters = dict(given)
    lookback = int(asked.lookback)
    if lookback < 0:
        values = ", ".join(f"{key} = {value:g}" for key, value in given.items())
        refuse(call.text, f"TA-Lib cannot compute it with {values}", "most periods begin at 2")
    if lookback >= LONGEST:
        refuse(call.text, f"looks back {lookback} bars, at most {LONGEST} can be kept")
    return lookback


@lru_cache
def _function(name: str) -> Callable[..., Any]:
    """Return the library's function without the search for pandas columns around it, which takes as long as itself."""
    found: Callable[..., Any] = inspect.unwrap(getattr(talib, name))
    return found


@lru_cache
def _window(function: TalibFunction, lookback: int) -> int:
    """Return the bars of the function's window: the fewest, in steps of a quarter, before which nothing matters.

    What TA-Lib smooths recursively (flagged as unstable or built of such parts, as MACD is) has a seed; how soon it is
    forgotten is measured on a made-up market; more than `LONGEST` where no window is long enough. Adaptive averages
    (KAMA, MAMA) and SAR may take longer on others: their value is that of their window.
    """
    if function.name in NEVER_FORGET:
        return max(ANCHORED, lookback + 1)
    measured = replace(function, name=MEASURED.get(function.name, function.name))
    tried = lookback + 1
    while not _forgotten(measured, tried):
        if tried == LONGEST:
            return LONGEST + 1
        tried = min(tried + max(1, tried // 4), LONGEST)
    return tried


def _forgotten(function: TalibFunction, bars: int) -> bool:
    """Return whether what comes before `bars` bars does not matter."""
    short, long = _values(function, bars), _values(function, 2 * bars)
    scale = np.maximum(np.abs(long), np.median(np.abs(long)))
    return np.array_equal(np.isnan(short), np.isnan(long)) and not np.any(np.abs(short - long) > FORGOTTEN * scale)


def _values(function: TalibFunction, bars: int) -> Float64:
    """Return the values over the last `bars` bars at some ends of the made-up market, float64 `[end]`."""
    market = _market()
    ends = len(market.close) - _APART * np.arange(_ENDS)
    return np.array([function(market, end - bars, end) for end in ends.tolist()])


@lru_cache
def _market() -> History:
    """Return a market that is hard to forget: small moves or none, and each session at another price, range, volume."""
    rng, n = np.random.default_rng(1), 2 * LONGEST + _APART * _ENDS
    session = np.arange(n) // 390
    calm, busy = (np.exp(rng.normal(0.0, 2.0, session[-1] + 1))[session] for _ in range(2))
    moves = np.where(rng.random(n) < 0.1, 0.0, rng.normal(0.0, 3e-4, n))
    close = 100.0 * np.exp(np.cumsum(moves) + 0.7 * (session % 2) + rng.normal(0.0, 0.1, session[-1] + 1)[session])
    high, low = (close * (1.0 + sign * 1e-4 * calm * rng.random(n)) for sign in (1.0, -1.0))
    open_ = low + (high - low) * rng.random(n)
    volume = np.ceil(1000.0 * busy * rng.random(n))
    return History(open_, high, low, close, volume, close, np.arange(n, dtype=np.float64))
