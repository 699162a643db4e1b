"""One frame's way to a worker and back: Bramble beside what else people would serve a model with."""
