"""Tables of any length inside a page: packed by column, unpacked by the browser when looked at, with their CSV."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

LEVEL = 7
"""Of deflate: two hundredths larger than the smallest, in a third of the time."""

Values = npt.NDArray[np.float64] | Sequence[str]


@dataclass(frozen=True)
class Column:
    """One column: texts, or numbers written with `form` (NaN: empty)."""

    name: str
    values: Values
    form: str = "%.0f"

    @property
    def is_text(self) -> bool:
        """Whether it is sorted as text."""
        return not isinstance(self.values, np.ndarray)

    def written(self) -> list[str]:
        """Return the cells as they stand in the CSV."""
        if not isinstance(self.values, np.ndarray):
            return list(self.values)
        cells = np.char.mod(self.form, self.values).tolist()
        return ["" if cell == "nan" else cell for cell in cells]


def records(name: str, file: str, columns: Sequence[Column], example: str = "") -> str:
    """Return a table that is searched, sorted and downloaded (as `file`.csv) in the page; `example` is a search."""
    told = [{"name": c.name, "text": c.is_text, "data": packed(c.written())} for c in columns]
    values = {"file": file, "n": len(columns[0].values), "columns": told}
    name = escape(name)
    return (
        f"<div class='records' data-example='{escape(example)}' data-name='{name}'>"
        f"<script type='application/json'>{json.dumps(values)}</script>"
        f"<noscript>{name} need JavaScript</noscript></div>"
    )


def packed(cells: Sequence[str]) -> str:
    """Return cells (without line breaks), one a line, deflated, in base 64."""
    return base64.b64encode(zlib.compress("\n".join(cells).encode(), LEVEL)).decode()
