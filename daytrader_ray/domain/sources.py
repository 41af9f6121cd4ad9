"""The sources of this package as a hash: what other code computed is not taken for the result of this one."""

import hashlib
from collections.abc import Collection
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def digest_of_sources(names: Collection[str], without: Collection[str] = ()) -> str:
    """Return the SHA-256 of sources of the package: `features` for a folder, `models/labels.py` for a file.

    Files named in `without` are left out of the folders.
    """
    digest = hashlib.sha256()
    for name in sorted(names):
        path = PACKAGE / name
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            relative = source.relative_to(PACKAGE).as_posix()
            if relative not in without:
                digest.update(relative.encode())
                digest.update(source.read_bytes())
    return digest.hexdigest()
