"""Ring 1: performance metrics and overfitting statistics."""
