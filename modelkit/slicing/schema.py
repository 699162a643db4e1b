"""Where everything is in a .tflite: the tables of LiteRT's schema.fbs (version 3) as data.

A field's kind is one word:

    b h i q       a number of 1, 2, 4 or 8 bytes (floats too: their bits are carried, never looked at)
    B H I Q       a vector of such numbers
    D             a vector of bytes that must lie at a multiple of 16
    S             a string
    Tensor        a table
    [Tensor]      a vector of tables
    |Options|     a table whose kind the field before tells (FlatBuffers: a union)

Only fields that a slicer must understand have names; those of operator options go by their number.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Field(NamedTuple):
    """One field of a table."""

    name: str
    kind: str


Layout = tuple[Field, ...]

_TABLES = """
Model version:i operator_codes:[OperatorCode] subgraphs:[SubGraph] description:S buffers:[Buffer] metadata_buffer:I
  metadata:[Metadata] signature_defs:[SignatureDef] external_buffer_groups:[ExternalBufferGroup]
  external_buffers:[ExternalBuffer]
OperatorCode deprecated_builtin_code:b custom_code:S version:i builtin_code:i
SubGraph tensors:[Tensor] inputs:I outputs:I operators:[Operator] name:S debug_metadata_index:i
Tensor shape:I type:b buffer:i name:S quantization:Quantization is_variable:b sparsity:Sparsity shape_signature:I
  has_rank:b variant_tensors:[VariantSubType] external_buffer:i
Operator opcode_index:i inputs:I outputs:I builtin_options_type:b builtin_options:|Options| custom_options:B
  custom_options_format:b mutating_variable_inputs:B intermediates:I large_custom_options_offset:q
  large_custom_options_size:q builtin_options_2_type:b builtin_options_2:|Options2| debug_metadata_index:i
Buffer data:D offset:q size:q
Metadata name:S buffer:i
TensorMap name:S tensor_index:i
SignatureDef inputs:[TensorMap] outputs:[TensorMap] signature_key:S deprecated_tag:S subgraph_index:i
ExternalBufferGroup name:S
ExternalBuffer id:i group:i offset:q length:q packing:S
Quantization min:I max:I scale:I zero_point:Q details_type:b details:|Details| quantized_dimension:i
CustomQuantization custom:D
BlockwiseQuantization scales:i zero_points:i block_size:i block_shape:I
MultiAxisQuantization scales:i zero_points:i block_size:i quantized_dimensions:I
Sparsity traversal_order:I block_map:I dim_metadata:[DimensionMetadata]
DimensionMetadata format:b dense_size:i array_segments_type:b array_segments:|Indices| array_indices_type:b
  array_indices:|Indices|
Int32Vector values:I
Uint16Vector values:H
Uint8Vector values:B
VariantSubType shape:I type:b has_rank:b
"""

# The members of the unions in their order, and the kinds of their fields.
_OPTIONS = """
Conv2D:biibiib DepthwiseConv2D:biiibii ConcatEmbeddings:iII LSHProjection:b Pool2D:biiiib SVDF:ibb RNN:bb
FullyConnected:bbbbbB Softmax:i Concatenation:ib Add:bb L2Norm:b LocalResponseNormalization:iiii LSTM:biibb
ResizeBilinear:iibb Call:i Reshape:I SkipGram:iib SpaceToDepth:i EmbeddingLookupSparse:b Mul:b Pad: Gather:ii
BatchToSpaceND: SpaceToBatchND: Transpose: Reducer:b Sub:bb Div:b Squeeze:I SequenceRNN:bbb StridedSlice:iiiiib
Exp: TopKV2: Split:i LogSoftmax: Cast:bb Dequantize: MaximumMinimum: ArgMax:b Less: Neg: PadV2: Greater:
GreaterEqual: LessEqual: Select: Slice: TransposeConv:biibb SparseToDense:b Tile: ExpandDims: Equal: NotEqual:
Shape:b Pow: ArgMin:b FakeQuant:iiib Pack:ii LogicalOr: OneHot:i LogicalAnd: LogicalNot: Unpack:ii FloorDiv:
Square: ZerosLike: Fill: BidirectionalSequenceLSTM:biibbb BidirectionalSequenceRNN:bbbb
UnidirectionalSequenceLSTM:biibbb FloorMod: Range: ResizeNearestNeighbor:bb LeakyRelu:i SquaredDifference:
MirrorPad:b Abs: SplitV:i Unique:b ReverseV2: AddN: GatherNd: Cos: Where: Rank: ReverseSequence:ii MatrixDiag:
Quantize: MatrixSetDiag: HardSwish: If:ii While:ii DepthToSpace:i NonMaxSuppressionV4: NonMaxSuppressionV5:
ScatterNd: SelectV2: Densify: SegmentSum: BatchMatMul:bbb Cumsum:bb CallOnce:i BroadcastTo: Rfft2d:
Conv3D:biiibiii Hashtable:ibb HashtableFind: HashtableImport: HashtableSize: VarHandle:SS ReadVariable:
AssignVariable: Random:qq Bucketize:I Gelu:b DynamicUpdateSlice: UnsortedSegmentProd: UnsortedSegmentMax:
UnsortedSegmentMin: UnsortedSegmentSum: ATan2: Sign: Bitcast: BitwiseXor: RightShift:
"""
_OPTIONS_2 = """
StablehloConcatenate:q StablehloBroadcastInDim:Q StablehloSlice:QQQ StablehloConvolution:QQQQBqqQqqQqqQqqI
StablehloCustomCall:SbSiIB StablehloReduce:Qi StablehloScatter:bQQQqbi StablehloCompare:ii StablehloDynamicSlice:Q
StablehloPad:QQQ StablehloIota:q StablehloDotGeneral:QQQQI StablehloReduceWindow:QQQQQi StablehloSort:qbi
StablehloWhile:ii StablehloGather:QQQqQb StablehloTranspose:Q Dilate: StablehloRngBitGenerator:b ReduceWindow:i
StableHLOComposite:SiBbi StablehloShiftLeft: StablehloCase:I
"""

# Operators in the order of their codes.
_OPERATORS = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM
MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND
SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2
GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG
SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE
MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5
SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO
RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL
CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE
RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD
STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM STABLEHLO_NEGATE
STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH
STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE
STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE
STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
"""

# Names and bits of an element, in the order of the types' numbers; 0 bits where an element has no fixed size.
ELEMENTS = (
    ("float32", 32), ("float16", 16), ("int32", 32), ("uint8", 8), ("int64", 64), ("string", 0), ("bool", 8),
    ("int16", 16), ("complex64", 64), ("int8", 8), ("float64", 64), ("complex128", 128), ("uint64", 64),
    ("resource", 0), ("variant", 0), ("uint32", 32), ("uint16", 16), ("int4", 4), ("bfloat16", 16), ("int2", 2),
    ("uint4", 4), ("float8_e4m3fn", 8), ("float8_e5m2", 8),
)  # fmt: skip

IDENTIFIER = b"TFL3"


def _parse_tables() -> dict[str, Layout]:
    layouts: dict[str, Layout] = {}
    for line in _TABLES.replace("\n  ", " ").strip().splitlines():
        name, *fields = line.split()
        layouts[name] = tuple(Field(*field.split(":")) for field in fields)
    for member in (*_OPTIONS.split(), *_OPTIONS_2.split()):
        name, kinds = member.split(":")
        layouts[f"{name}Options"] = tuple(Field(str(number), kind) for number, kind in enumerate(kinds))
    return layouts


def _list_members(text: str) -> tuple[str, ...]:
    return tuple(f"{member.split(':')[0]}Options" for member in text.split())


OPERATORS = tuple(_OPERATORS.split())
"""Names of the operators, in the order of their codes."""

LAYOUTS: Mapping[str, Layout] = _parse_tables()
"""The fields of each table, in the order of their numbers."""

UNIONS: Mapping[str, tuple[str, ...]] = {
    "Options": _list_members(_OPTIONS),
    "Options2": _list_members(_OPTIONS_2),
    "Details": ("CustomQuantization", "BlockwiseQuantization", "MultiAxisQuantization"),
    "Indices": ("Int32Vector", "Uint16Vector", "Uint8Vector"),
}
"""The members of each union, from number 1 on."""
