"""What fills the terminal. A screen only composes and lays data out; it asks nothing of the network."""
