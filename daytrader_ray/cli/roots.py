"""Where the store is: apart from the profile, so that commands without one need not import its sections."""

import os
from collections.abc import Mapping
from pathlib import Path


def data_root(data: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the store's root: `--data`, else `DAYTRADER_DATA`, else `data/` here; absolute, or a URL as given."""
    root = data or environ.get("DAYTRADER_DATA") or "data"
    return root if "://" in root else str(Path(root).expanduser().resolve())
