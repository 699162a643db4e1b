"""A camera's way to a model, and the degradation ladder that it stands on."""
