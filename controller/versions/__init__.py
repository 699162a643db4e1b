"""Versions of models: which are kept, which is in force, and what was in force before it."""
