"""Ring 1: intents to orders, and the table of order states."""
