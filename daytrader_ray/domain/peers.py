"""Whom a symbol is compared with: the market's references, its sector, and who belongs to the universe when."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Peers:
    """Columns and memberships of the symbols of a panel.

    Attributes
    ----------
    spy, qqq
        Their columns, -1 where there is none.
    sector
        Code of each symbol's sector `[symbol]`, -1 for references and unclassified symbols.
    proxy
        Column of the sector's ETF `[symbol]`; -1 for the equal weight of the sector's members, the symbol left out.
    member
        Whether the symbol belongs to the universe's list in that session `[session, symbol]`, point in time.
    """

    spy: int
    qqq: int
    sector: Int64
    proxy: Int64
    member: Bool

    def part(self, start: int, stop: int) -> "Peers":
        """Return the peers of the sessions `[start, stop)`."""
        return replace(self, member=self.member[start:stop])
