"""What Prometheus sees of a cluster."""
