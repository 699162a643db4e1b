"""Dividing the picture over several nodes: exactly, within a network, and by tiles for small objects.

`tile` divides the convolutional front of a .tflite by area, with halos, so that the parts together give just what the
whole gives; `survey` says what that costs at every cut.
"""

from modelkit.tiling.errors import TilingRefusedError
from modelkit.tiling.region import Grid, Region, Span
from modelkit.tiling.survey import Option, choose_cut, survey
from modelkit.tiling.tiling import Part, Piece, Tiling, merge, tile

__all__ = [
    "Grid",
    "Option",
    "Part",
    "Piece",
    "Region",
    "Span",
    "Tiling",
    "TilingRefusedError",
    "choose_cut",
    "merge",
    "survey",
    "tile",
]
