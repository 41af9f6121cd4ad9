"""Ring 5: Ray, in one room."""
