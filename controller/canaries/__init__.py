"""Canary frames: each ready node is asked for a known answer now and then, over the real path."""
