"""What a source file of the package imports from the package, followed to the end."""

import ast
import sys
from collections.abc import Iterable
from pathlib import Path

import daytrader_ray

PACKAGE = Path(str(daytrader_ray.__file__)).parent


def imported(roots: Iterable[str], apart_from: Iterable[str] = ()) -> set[str]:
    """Return `roots` (files such as `models/labels.py`) and all they import, without going through `apart_from`."""
    seen: set[str] = set(apart_from)
    found: set[str] = set()
    todo = list(roots)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            found.add(name)
            todo += _imports(PACKAGE / name)
    return found


def libraries_of(names: Iterable[str]) -> set[str]:
    """Return the packages of others that source files of the package import, wherever in the file."""
    nodes = [node for name in names for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))]
    modules = [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {module.partition(".")[0] for module in modules} - {*sys.stdlib_module_names, PACKAGE.name}


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("daytrader_ray"):
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = [name.replace(".", "/").removeprefix("daytrader_ray/") + ".py" for name in names]
    return [file for file in files if (PACKAGE / file).is_file()]
