"""What became of frames: the ledger, and what is published."""
