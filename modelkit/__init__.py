"""What a model is: its manifest and artefacts, how a picture becomes a tensor and tensors become answers.

No network and no inference runtime is imported here, so that every program can lean on it.
"""
