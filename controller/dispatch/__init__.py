"""Which node gets which frame, and what happens when it does not answer."""
