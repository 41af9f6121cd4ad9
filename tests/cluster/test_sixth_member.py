"""A sixth member is one file and one line: nothing else of the package is touched, and all of it goes on with six."""

import hashlib
import shutil
from pathlib import Path

import numba
import pytest

from daytrader_ray.domain import sources
from daytrader_ray.domain.trading import MEMBERS
from tests.cluster.sources import PACKAGE
from tests.cluster.stores import in_another_process

pytestmark = [pytest.mark.ray, pytest.mark.slow]
HERE = Path(__file__).parent
LINE = 'MEMBERS = ("lstm", "cnn", "random_forest", "xgboost", "transformer"'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package with the hybrid in it, and the kernels of the original in a cache of its own."""
    copy = tmp_path / "code" / "daytrader_ray"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "cnn_lstm.py", copy / "models" / "members" / "cnn_lstm.py")
    trading = copy / "domain" / "trading.py"
    text = trading.read_text(encoding="utf-8")
    assert text.count(LINE) == 1
    trading.write_text(text.replace(LINE, LINE + ', "cnn_lstm"'), encoding="utf-8")
    monkeypatch.setattr(sources, "PACKAGE", copy)
    kernels = tmp_path / "numba" / sources.digest_of_sources(["."])[:16]
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        compiled = Path(numba.config.CACHE_DIR, _cache_of(PACKAGE / folder.relative_to(copy)))
        if compiled.is_dir():
            shutil.copytree(compiled, kernels / _cache_of(folder))
    return copy


def _cache_of(folder: Path) -> str:
    """Return where numba keeps the kernels of a folder: compiling all of them again takes longer than this test."""
    return f"{folder.name}_{hashlib.sha1(str(folder).encode()).hexdigest()}"


def test_the_search_runs_all_subsets_of_six_and_training_and_scoring_work(package: Path, tmp_path: Path) -> None:
    told = in_another_process(
        package.parent, str(tmp_path / "data"), "2", "2025-11-12", NUMBA_CACHE_DIR=str(tmp_path / "numba")
    )
    six = [*MEMBERS, "cnn_lstm"]
    assert told["members"] == told["trials"]["63"] == six
    assert told["ensembles"] == 64 and list(map(int, told["trials"])) == [*range(64), 64, 128, 256 + 63]
    assert told["trials"]["64"] == ["logistic"] and told["fits"] == 8
    assert told["bundled"] == sorted(six) and told["scored"] == [5] * 6
