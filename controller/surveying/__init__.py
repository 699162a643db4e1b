"""Measured facts about nodes, links and models: asked for, kept in buckets, aged."""
