"""Which libraries are installed, and whether a bundle made with others can be believed."""

import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ABSENT = "absent"

SCORING = ("numba", "numpy", "scikit-learn", "torch", "xgboost")
"""Libraries that members are fitted, stored and scored with."""

_LIGHT = "xgboost-cpu"
"""The same library as xgboost under another name, without code for GPUs."""


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each package, `absent` where there is none."""
    found: dict[str, str] = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ABSENT
    return found


def scoring_libraries() -> dict[str, str]:
    """Return the installed version of each of `SCORING`."""
    found = versions_of((*SCORING, _LIGHT))
    light = found.pop(_LIGHT)
    return found | {"xgboost": light} if found["xgboost"] == ABSENT else found


def other_majors(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return in words each library whose major version is another now, or that one side lacks.

    >>> other_majors({"numpy": "1.26.4", "torch": "2.12.0"}, {"numpy": "2.0.1", "torch": "2.13.0+cpu"})
    ['numpy 1.26.4, now 2.0.1']
    """
    return [
        f"{name} {then.get(name, ABSENT)}, now {now.get(name, ABSENT)}"
        for name in sorted({*then, *now})
        if _major(then.get(name, ABSENT)) != _major(now.get(name, ABSENT))
    ]


def commit() -> str:
    """Return the commit that this program was checked out at, marked where files differ; empty without one."""
    here = Path(__file__).parent
    command = ("git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _major(text: str) -> str:
    return text.partition(".")[0]
