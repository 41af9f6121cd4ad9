"""The regimes of each window: one model a window, kept under the key of all that it reads."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.cluster.fit_jobs import SIGNALS
from daytrader_ray.cluster.fits import Progress
from daytrader_ray.cluster.kept import exists, save_array
from daytrader_ray.cluster.tasks import unordered
from daytrader_ray.domain.content import digest_of_arrays, key_of
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.walkforward.cut import without_features
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.regimes import window_states
from daytrader_ray.walkforward.windows import Window

if TYPE_CHECKING:
    from daytrader_ray.cluster.search import SearchRequest

REGIME_SOURCES = (
    "domain/config.py",
    "domain/errors.py",
    "domain/folds.py",
    "domain/indices.py",
    "domain/jit.py",
    "domain/panel.py",
    "domain/peers.py",
    "domain/regime.py",
    "domain/sessions.py",
    "domain/sources.py",
    "regime",
    "walkforward/cut.py",
    "walkforward/regimes.py",
    "walkforward/windows.py",
)
REGIME_LIBRARIES = ("numpy", "scipy", "hmmlearn", "scikit-learn", "numba")
"""What regimes are computed with."""


def regime_paths(request: "SearchRequest", frames: Frames, found: Sequence[Window]) -> list[str]:
    """Return where the states of each window's regime model are kept; nothing is computed yet."""
    grid, panel = frames.panel.grid, frames.panel
    paths: list[str] = []
    for window in found:
        rows = slice(0, int(grid.first_row[window.test[1]]))
        key = key_of(
            {
                "rows": digest_of_arrays([panel.close[rows], panel.open[rows], grid.minute_of_row[rows]]),
                "symbols": panel.symbols,
                "stocks": request.universe.stocks,
                "blocks": (window.train[1], window.a[0], window.test[1]),
                "config": request.regime.model_dump(mode="json", exclude=_TRADING),
                "seed": request.config.seed,
                "sources": digest_of_sources(REGIME_SOURCES),
                "libraries": versions_of(REGIME_LIBRARIES),
            }
        )
        paths.append(f"{request.root}/{SIGNALS}/{key}.regime.npy")
    return paths


_TRADING = {"trending", "volatile", "crisis", "unknown"}
"""What does not change how the regimes are found."""


def regime_words(path: str) -> str:
    """Return where the plain values of a window's regime are, whose states are at `path`."""
    return f"{path.removesuffix('.npy')}.json"


def run_regimes(
    request: "SearchRequest", market: Market, found: Sequence[Window], paths: Sequence[str], progress: Progress
) -> None:
    """Fit the regime model of each window that is not there yet, in parallel; Ray must be running."""
    missing = [
        (window, path) for window, path in zip(found, paths, strict=True) if not exists(path, regime_words(path))
    ]
    progress("regimes", len(paths) - len(missing), len(paths))
    if not missing:
        return
    import ray

    shared = ray.put(without_features(market.frames))
    task = ray.remote(num_cpus=1, max_retries=2)(window_states)
    stocks, seed = request.universe.stocks, request.config.seed
    work = ((path, partial(task.remote, shared, stocks, window, request.regime, seed)) for window, path in missing)
    done = len(paths) - len(missing)
    for path, (states, told) in unordered(work):
        atomic_write_json(regime_words(path), told)
        save_array(path, states)
        done += 1
        progress("regimes", done, len(paths))
