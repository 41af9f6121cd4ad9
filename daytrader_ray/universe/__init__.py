"""Ring 1: which symbols are traded, and their sectors."""
