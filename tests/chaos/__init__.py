"""A cluster under load whose parts are killed and frozen by a seed, judged to the last frame."""
