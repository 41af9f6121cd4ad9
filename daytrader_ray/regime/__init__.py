"""Ring 1: what the market is like; three states by a hidden Markov model or a mixture, and their forward filter."""
