"""What people, cameras and programs may ask a controller over NATS."""
