"""The agent: one on every node. It holds shards of models, infers, and reports its own health."""
