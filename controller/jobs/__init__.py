"""Durable jobs: pulled from a queue on disk, worked on like any frame, and ended exactly once."""
