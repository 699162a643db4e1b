"""What crosses the network: ids, messages, subjects, tensors, errors and the bus."""
