"""Recipes that build the models of the demo from published weights. Weights are never in this tree.

One folder a model: `manifest.toml` says what it is and pins every digest, `build.py` makes its files.
"""
