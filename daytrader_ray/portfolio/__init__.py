"""Ring 1: how much of the book each symbol may have."""
