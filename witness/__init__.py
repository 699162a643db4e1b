"""The witness: puts on the record what a nats-server refuses that has no controller on its machine."""
