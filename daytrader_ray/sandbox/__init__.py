"""Ring 4: the loopback exchange."""
