"""MobileNetV2 1.0 at 224x224, ImageNet (Sandler et al. 2018)."""
