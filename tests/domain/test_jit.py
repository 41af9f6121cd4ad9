import os
import subprocess
import sys
from pathlib import Path

import pytest

from daytrader_ray.domain.sources import digest_of_sources

PRINT = "import numba, daytrader_ray.domain.jit; print(numba.config.CACHE_DIR)"


@pytest.mark.parametrize(("variable", "below"), [("NUMBA_CACHE_DIR", ""), ("XDG_CACHE_HOME", "daytrader_ray/numba")])
def test_compiled_kernels_lie_in_a_folder_of_these_sources(tmp_path: Path, variable: str, below: str) -> None:
    environ = {key: value for key, value in os.environ.items() if key not in {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}}
    command = [sys.executable, "-c", PRINT]
    environ |= {variable: str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environ)
    assert Path(done.stdout.strip()) == tmp_path / below / digest_of_sources(["."])[:16]
