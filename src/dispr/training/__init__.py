"""Networks learn: the loop, its state and its records."""
