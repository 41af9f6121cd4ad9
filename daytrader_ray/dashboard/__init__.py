"""Ring 4: read-only views."""
