"""Ring 0: values, named errors, the session grid, the config base and the ports."""
