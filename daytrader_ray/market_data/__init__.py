"""Ring 1: cleaning, panels and corporate actions."""
