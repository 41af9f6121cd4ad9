"""Ring 6: the commands."""
