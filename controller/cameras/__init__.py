"""Cameras in: one child process a camera decodes, the parent watches, and pictures come out as frames."""
