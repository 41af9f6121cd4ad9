"""The core works without Ray, and heavy libraries are loaded only by those who need them."""

import subprocess
import sys

CORE = ("domain", "market_data", "features", "models", "regime", "universe", "risk", "execution", "analytics", "engine")


def test_every_module_of_rings_0_to_2_imports_without_ray() -> None:
    code = (
        "import sys, pkgutil, importlib; sys.modules['ray'] = None\n"
        f"for room in {CORE}:\n"
        "    package = importlib.import_module('daytrader_ray.' + room)\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
