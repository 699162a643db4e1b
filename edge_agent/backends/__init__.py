"""What runs a model: one small file a runtime, imported only when a shard needs it."""
