"""Ring 1: the feature registry and its streaming kernels."""
