"""A whole cluster on this machine, for trying Bramble and for its demo."""
