"""SSD with MobileNetV2 at 300x300, Open Images (Liu et al. 2016, Sandler et al. 2018)."""
