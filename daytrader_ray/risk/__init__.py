"""Ring 1: limits and checks."""
