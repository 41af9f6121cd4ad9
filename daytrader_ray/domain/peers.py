"""Who is compared with whom: the market, the funds of the sectors, and the members of the universe by session."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Peers:
    """The columns of a panel that cross-sectional features compare.

    `spy` and `qqq` are columns (-1: not there); `sector` int64 `[symbol]` is the number of a stock's sector (-1:
    references and stocks without one); `proxy` int64 `[symbol]` the column of its sector's fund (-1: there is none, and
    the equal-weight mean of the sector's members stands for it, the stock itself left out); `member` bool
    `[session, symbol]` whether the universe's list had the stock on that day.
    """

    spy: int
    qqq: int
    sector: npt.NDArray[np.int64]
    proxy: npt.NDArray[np.int64]
    member: npt.NDArray[np.bool_]
