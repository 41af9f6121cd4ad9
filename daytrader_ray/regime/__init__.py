"""Ring 1: the hidden Markov model and its forward filter."""
