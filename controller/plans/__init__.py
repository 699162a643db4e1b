"""Plans carried out: from a request to shards on nodes, and kept up while the cluster changes."""
