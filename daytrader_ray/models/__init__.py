"""Ring 1: labels, the members, the ensemble and the bundle."""
