"""Sliced detection: a large picture looked at in overlapping tiles, so that small things are not lost in the resize.

After Akyon, Altinuc, Temizel, "Slicing Aided Hyper Inference and Fine-tuning for Small Object Detection" (ICIP 2022,
arXiv:2202.06934). `cut_picture` says where the tiles are, `decode_tile` takes one out of a JPEG, `fuse` makes one
answer of theirs.
"""

from modelkit.sliced.decoding import check_tile, decode_tile, place_tile
from modelkit.sliced.fusion import Look, fuse
from modelkit.sliced.layout import Box, cut_picture

__all__ = ["Box", "Look", "check_tile", "cut_picture", "decode_tile", "fuse", "place_tile"]
