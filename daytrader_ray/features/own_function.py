"""A function of the user's own file as a feature."""

import ast
import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

from daytrader_ray.domain.errors import DataError
from daytrader_ray.features.extras import FAMILY, FIELDS, LONGEST, NAN, Call, Extra, Float64, History, refuse
from daytrader_ray.features.registry import Feature

WINDOW = 300
"""Bars that a function sees where its file's `LOOKBACK` does not say."""


@dataclass(frozen=True)
class OwnFunction:
    """`name(bars, *arguments)` of a file; its `source` travels along, so no other machine needs the file."""

    path: str
    source: str
    name: str
    arguments: tuple[float, ...]

    def __call__(self, history: History, start: int, stop: int) -> float:
        """Return the last value over the bars `[start, stop)`."""
        return float(self.values(History(*(field[start:stop] for field in history)))[-1])

    def values(self, bars: History) -> Float64:
        """Return a value for each of `bars`; whatever goes wrong in the function is a `DataError`."""
        try:
            values = np.asarray(function_of(self.path, self.source, self.name)(bars, *self.arguments), dtype=np.float64)
        except Exception as error:
            raise DataError(f"{self.path}:{self.name}: {type(error).__name__}: {error}", _where(bars)) from error
        if values.shape != bars.close.shape:
            found = f"an array of shape {values.shape}"
            raise DataError(f"{self.path}:{self.name}: expected an array of {len(bars.close)} values, found {found}")
        return values


def own_extra(path: str, call: Call) -> Extra:
    """Return the extra of a function `def name(bars, ...)` of a Python file.

    The function gets a `History` of its window (300 bars, or `LOOKBACK = {"name": 60}` in its file) and returns one
    value for each bar, of which the last one counts. It must need no other file of the user's: features are computed
    again when this file, or the version of a package that it imports, changes, not when another file does.
    """
    try:
        source = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        refuse(call.text, f"{path} is not readable: {error}", "the path counts from the folder the program runs in")
    arguments = _arguments(call, path, source)
    window = _window(call, path, source)
    function = OwnFunction(path, source, call.name, arguments)
    packages = _packages(call, path, source)
    function(_sample(window), 0, window)
    words = "_".join([call.name, *(f"{value:g}" for value in arguments)])
    digest = hashlib.sha256(source.encode()).hexdigest()
    feature = Feature(
        name=f"{FAMILY}.{Path(path).stem}.{words}",
        formula=_first_line(function_of(path, source, call.name)) or f"{call.text} over the last {window} bars",
        lookback=window,
        source=f"{path}, SHA-256 {digest[:12]}",
        nan=NAN,
    )
    return Extra(feature, function, window, " ".join([digest, *packages]))


@lru_cache
def module_of(path: str, source: str) -> ModuleType:
    """Run the source of a file once in this process; errors of its own are a `DataError`."""
    module = ModuleType(Path(path).stem)
    try:
        exec(compile(source, path, "exec"), module.__dict__)
    except Exception as error:
        raise DataError(f"{path}: {type(error).__name__}: {error}", "the file must run by itself") from error
    return module


def function_of(path: str, source: str, name: str) -> Callable[..., Any]:
    """Return a function of a file; a `DataError` lists those it has where there is no such one."""
    module = module_of(path, source)
    own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    there = {key: value for key, value in own.items() if callable(value)}
    if name not in there:
        raise DataError(f"{path} has no function {name}", f"it has {', '.join(there) or 'none'}")
    return cast(Callable[..., Any], there[name])


def _window(call: Call, path: str, source: str) -> int:
    lookback = getattr(module_of(path, source), "LOOKBACK", {})
    window = lookback.get(call.name, WINDOW) if isinstance(lookback, dict) else lookback
    if not (isinstance(lookback, dict) and isinstance(window, int) and 1 <= window <= LONGEST):
        expected = f'expected such as {{"{call.name}": {WINDOW}}}, 1 to {LONGEST} bars'
        refuse(call.text, f"LOOKBACK in {path} is {lookback!r}, {expected}")
    return window


def _packages(call: Call, path: str, source: str) -> list[str]:
    """Return the packages that a file imports, with their versions; refuse what lies beside the file."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {"." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = sorted({name.partition(".")[0] for name in names})
    folder = Path(path).parent
    for name in packages:
        if not name or Path(folder, name).is_dir() or Path(folder, f"{name}.py").exists():
            refuse(call.text, f"{path} imports {name or 'a file'} beside it", "put all that it needs into the one file")
    return [f"{name}=={_installed(name)}" for name in packages]


@cache
def _installed(name: str) -> str:
    """Return the installed versions of a package, whether or not it is loaded; none of what comes with Python."""
    return ",".join(sorted({version(one) for one in _distributions().get(name, ())}))


_distributions = cache(packages_distributions)


def _arguments(call: Call, path: str, source: str) -> tuple[float, ...]:
    if call.output:
        refuse(call.text, f"a function of a file has one output, found .{call.output}")
    try:
        bound = inspect.signature(function_of(path, source, call.name)).bind(None, *call.arguments, **call.keywords)
    except TypeError as error:
        refuse(call.text, f"{call.name}: {error}", "its first parameter takes the bars, the others the numbers")
    bound.apply_defaults()
    return tuple(bound.arguments.values())[1:]


def _sample(bars: int) -> History:
    """Return a quiet market on which a function must work when it is configured."""
    fields = np.full((FIELDS, bars), 100.0)
    fields.flags.writeable = False
    return History(*fields)


def _where(bars: History) -> str:
    return f"in the window of {len(bars.close)} bars that ends at epoch minute {bars.minute[-1]:.0f}"


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").split("\n")[0]
