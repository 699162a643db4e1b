"""What a slicer must know about kinds of operators."""

CALLING = frozenset({
    "CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE", "STABLEHLO_CUSTOM_CALL",
    "STABLEHLO_REDUCE", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER", "STABLEHLO_SORT", "STABLEHLO_WHILE",
})  # fmt: skip
"""They run other subgraphs of the model."""

REMEMBERING = frozenset({
    "ASSIGN_VARIABLE", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "READ_VARIABLE",
    "VAR_HANDLE",
})  # fmt: skip
"""They share state by a name that no tensor shows."""

DRAWING = frozenset({
    "MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "STABLEHLO_RNG_BIT_GENERATOR",
})  # fmt: skip
"""They give other values each time, also from constants."""
