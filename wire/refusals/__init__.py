"""What a nats-server refuses, and where it can be seen: for controllers and witnesses."""
