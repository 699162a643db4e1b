"""The nodes: who is there, who serves what, who stands by."""
