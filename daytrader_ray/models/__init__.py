"""Ring 1: labels, the five members, the ensemble and the bundle."""
