"""Measurements behind the claims. ``python -m benchmarks`` runs the short set."""
