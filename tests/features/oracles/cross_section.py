import numpy as np

from tests.features.oracles import lag
from tests.features.oracles.case import Case, Float64


def excess_15(case: Case) -> Float64:
    spy = case.of(case.panel.column("SPY"))
    market = np.full(case.panel.grid.n_rows, np.nan)
    market[spy.rows] = lag.return_15(spy)
    return lag.return_15(case) - market[case.rows]
