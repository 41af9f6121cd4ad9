"""Ring 2: the decision kernel, the fills, the session and the backtest."""
