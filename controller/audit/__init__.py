"""The audit record: what is written to it, by whom, and how floods are kept out."""
