"""
What the Edge TPU runs: its operators and their limits as data, each limit a small function.

Operators, limits and least runtimes are those of table 1, "All operations supported by the Edge TPU", in
https://coral.ai/docs/edgetpu/models-intro/#supported-operations; Axis repeats the limits for its cameras
with an Edge TPU: https://developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops/.

Operator versions are in no table. edgetpu_compiler 16.0, of 2021 and the last, refuses a whole file for one
operator that is newer than its own TFLite: CONV_2D 6 (https://github.com/google-coral/edgetpu/issues/631),
TRANSPOSE_CONV 4 (issue 845), QUANTIZE 3 (issue 879). Those came with TensorFlow 2.7 to 2.13, libedgetpu 16.0
belongs to 2.5, so 2.5 is the line drawn here; what came with which release is written in TensorFlow's
lite/tools/versioning/runtime_version.cc.

The compiler is closed: it may still keep an operator that passes every rule here on the processor, with
"not mapped due to some unspecified limitation". Where it can run, it has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hemline_convert.tflitegraph import Operator, Tensor

COMPILER = "edgetpu_compiler 16.0"
# "roughly 8 MB of SRAM", part of it taken by the program itself: https://coral.ai/docs/edgetpu/compiler/
# (the compiler's own logs show up to 7.88 MiB left for parameters)
ON_CHIP_BYTES = 8 << 20
SOFTMAX_ELEMENTS = 16_000
ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")

Limit = Callable[[Operator], str]


@dataclass(frozen=True)
class Rule:
    """What is known of one operator.

    version: the greatest that the compiler reads. runtime: the least Edge TPU runtime, 0 for every one.
    limits: each returns what the operator breaks, or "". constants: positions of inputs that have to be in
    the file, because "model parameters are constant at compile time". caution: a limit that has no number.
    """

    version: int
    runtime: int = 0
    limits: tuple[Limit, ...] = ()
    constants: tuple[int, ...] = ()
    caution: str = ""


def no_fused_activation(operator: Operator) -> str:
    """AveragePool2d, MaxPool2d, Concatenation: "No fused activation function"."""
    fused = int(operator.options.get("fusedActivationFunction", 0))
    return f"fused activation {ACTIVATIONS[fused]}; none may be fused" if fused else ""


def zero_padding_only(operator: Operator) -> str:
    """Concatenation: a constant input has to be all zeros, beside exactly one other input."""
    for tensor in operator.inputs:
        values = tensor.values() if tensor is not None else None
        if tensor is None or values is None:
            continue
        if len(operator.inputs) != 2:
            return f"a constant among {len(operator.inputs)} inputs; there may be 2"
        if np.any(values != tensor.zero_point):
            return "a constant input that is not all zeros"
    return ""


def same_dilation(operator: Operator) -> str:
    """Conv2d, DepthwiseConv2d: "Must use the same dilation in x and y dimensions"."""
    x, y = (int(operator.options.get(f"dilation{axis}Factor", 1)) for axis in "WH")
    return f"dilation {x} in x and {y} in y; they have to be equal" if x != y else ""


def default_weights(operator: Operator) -> str:
    """FullyConnected: "Only the default format is supported for fully-connected weights"."""
    return "" if not operator.options.get("weightsFormat", 0) else "shuffled weights; only the default format"


def one_scale(operator: Operator) -> str:
    """FullyConnected: weights with one scale, as the quantization specification of the compiler's time says.

    Per-channel weights of dense layers came with TensorFlow 2.17, under an unchanged version number; kernels
    that do not know them answer wrongly without an error (https://github.com/tensorflow/tflite-micro/pull/2602).
    """
    weights = operator.inputs[1]
    scales = weights.scales if weights is not None else 0
    return f"weights with {scales} scales; the compiler is older than those, one per tensor" if scales > 1 else ""


def flat_output(operator: Operator) -> str:
    """FullyConnected: "Output tensor is one-dimensional"."""
    shape = operator.outputs[0].shape
    return "" if _flat(shape) else f"output {list(shape)}; one dimension may be above 1"


def flat_and_small(operator: Operator) -> str:
    """Softmax: "Supports only 1-D input tensor with a max of 16,000 elements"."""
    tensor = _first(operator)
    if not _flat(tensor.shape):
        return f"input {list(tensor.shape)}; one dimension may be above 1"
    return f"{tensor.elements} elements; at most {SOFTMAX_ELEMENTS}" if tensor.elements > SOFTMAX_ELEMENTS else ""


def not_over_batch(operator: Operator) -> str:
    """Mean, Sum, ReduceMax, ReduceMin: not in the batch dimension."""
    return "reduces the batch dimension" if 0 in _axes(operator) else ""


def depth_in_fours(operator: Operator) -> str:
    """Mean: "If a z-reduction, the z-dimension must be multiple of 4"."""
    shape = _first(operator).shape
    if len(shape) - 1 not in _axes(operator) or shape[-1] % 4 == 0:
        return ""
    return f"reduces a depth of {shape[-1]}; it has to be a multiple of 4"


def not_packing_batch(operator: Operator) -> str:
    """Pack: "No packing in batch dimension"."""
    rank = len(operator.outputs[0].shape)
    return "packs in the batch dimension" if int(operator.options.get("axis", 0)) % rank == 0 else ""


def not_padding_batch(operator: Operator) -> str:
    """Pad: "No padding in batch dimension"."""
    paddings = _integers(operator, 1)
    return "pads the batch dimension" if any(paddings[:2]) else ""


def not_splitting_batch(operator: Operator) -> str:
    """Split: "No splitting in batch dimension"."""
    rank = len(operator.outputs[0].shape)
    return "splits the batch dimension" if any(axis % rank == 0 for axis in _integers(operator, 0)) else ""


def flat_alpha(operator: Operator) -> str:
    """PReLU: "Alpha must be 1-dimensional (only the innermost dimension can be >1 size)"."""
    alpha = operator.inputs[1]
    if alpha is None or all(size == 1 for size in alpha.shape[:-1]):
        return ""
    return f"alpha {list(alpha.shape)}; only the last dimension may be above 1 (shared_axes=[1, 2])"


def strides_of_one(operator: Operator) -> str:
    """StridedSlice: strides of 1, no ellipsis axis, no new axis."""
    strides = _integers(operator, 3)
    if any(stride != 1 for stride in strides):
        return f"strides {strides}; each has to be 1"
    masks = [name for name in ("ellipsisMask", "newAxisMask") if operator.options.get(name, 0)]
    return f"{' and '.join(masks)} set; it has to be 0" if masks else ""


def _first(operator: Operator) -> Tensor:
    tensor = operator.inputs[0]
    assert tensor is not None  # only trailing inputs are optional
    return tensor


def _flat(shape: tuple[int, ...]) -> bool:
    return all(size == 1 for size in shape[:-1])


def _integers(operator: Operator, position: int) -> list[int]:
    tensor = operator.inputs[position]
    values = tensor.values() if tensor is not None else None
    return [] if values is None else [int(value) for value in values]


def _axes(operator: Operator) -> set[int]:
    rank = len(_first(operator).shape)
    return {axis % rank for axis in _integers(operator, 1)} if rank else set()


_LARGE = "large ones may stay on the CPU"
RULES: dict[str, Rule] = {
    "ADD": Rule(3),
    "AVERAGE_POOL_2D": Rule(3, limits=(no_fused_activation,)),
    "CONCATENATION": Rule(3, limits=(no_fused_activation, zero_padding_only)),
    "CONV_2D": Rule(5, limits=(same_dilation,), constants=(1, 2)),
    "DEPTHWISE_CONV_2D": Rule(6, 13, (same_dilation,), (1, 2)),  # runtimes up to 12 know no dilation
    "EXPAND_DIMS": Rule(1, 13, constants=(1,)),
    "FULLY_CONNECTED": Rule(9, limits=(default_weights, flat_output, one_scale), constants=(1, 2)),
    "L2_NORMALIZATION": Rule(2),
    "LOGISTIC": Rule(3),
    "LSTM": Rule(4, 14),
    "MAXIMUM": Rule(4),
    "MAX_POOL_2D": Rule(3, limits=(no_fused_activation,)),
    "MEAN": Rule(3, 13, (not_over_batch, depth_in_fours), (1,)),
    "MINIMUM": Rule(4),
    "MUL": Rule(4),
    "PACK": Rule(3, 13, (not_packing_batch,)),
    "PAD": Rule(3, 13, (not_padding_batch,), (1,)),
    "PRELU": Rule(1, 13, (flat_alpha,), (1,)),
    "QUANTIZE": Rule(2, 13),
    "REDUCE_MAX": Rule(3, 14, (not_over_batch,), (1,)),
    "REDUCE_MIN": Rule(3, 14, (not_over_batch,), (1,)),
    "RELU": Rule(3),
    "RELU6": Rule(3),
    "RELU_N1_TO_1": Rule(1),
    "RESHAPE": Rule(1, constants=(1,), caution=_LARGE),
    "RESIZE_BILINEAR": Rule(4, constants=(1,), caution=_LARGE),
    "RESIZE_NEAREST_NEIGHBOR": Rule(4, constants=(1,), caution=_LARGE),
    "RSQRT": Rule(2, 14),
    "SLICE": Rule(5, constants=(1, 2)),
    "SOFTMAX": Rule(3, limits=(flat_and_small,)),
    "SPACE_TO_DEPTH": Rule(2),
    "SPLIT": Rule(4, limits=(not_splitting_batch,), constants=(0,)),
    "SQUARED_DIFFERENCE": Rule(2, 14),
    "SQUEEZE": Rule(2, 13),
    "STRIDED_SLICE": Rule(5, limits=(strides_of_one,), constants=(1, 2, 3)),
    "SUB": Rule(5),
    "SUM": Rule(2, 13, (not_over_batch,), (1,)),
    "TANH": Rule(3),
    "TRANSPOSE": Rule(5, 14, constants=(1,)),
    "TRANSPOSE_CONV": Rule(3, 13, constants=(0, 1, 3)),
    # the table says "LSTM: unidirectional only"; this is what a Keras LSTM converts to
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Rule(3, 14),
}

# the rest of TFLite as of TensorFlow 2.5: read by the compiler and left on the processor. greatest version: names
_READ = {
    1: """ADD_N CALL_ONCE CAST CEIL COMPLEX_ABS CONV_3D COS CUMSUM DENSIFY ELU EMBEDDING_LOOKUP_SPARSE EXP FLOOR
        FLOOR_MOD HARD_SWISH HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE IF IMAG
        L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LSH_PROJECTION MATRIX_DIAG
        MATRIX_SET_DIAG NEG NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 ONE_HOT POW RANGE RANK REAL REDUCE_ANY
        REDUCE_PROD REVERSE_SEQUENCE RFFT2D ROUND SCATTER_ND SEGMENT_SUM SELECT_V2 SHAPE SIN SKIP_GRAM SQRT SQUARE
        UNIQUE WHERE WHILE ZEROS_LIKE""",
    2: """ARG_MAX ARG_MIN DEPTH_TO_SPACE DIV FAKE_QUANT FLOOR_DIV GREATER GREATER_EQUAL LEAKY_RELU LESS LESS_EQUAL
        LOG_SOFTMAX MIRROR_PAD SELECT SPLIT_V TILE TOPK_V2""",
    3: """ABS BATCH_TO_SPACE_ND BIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN BROADCAST_TO EMBEDDING_LOOKUP
        EQUAL FILL GATHER_ND NOT_EQUAL PADV2 REVERSE_V2 RNN SPACE_TO_BATCH_ND SPARSE_TO_DENSE
        UNIDIRECTIONAL_SEQUENCE_RNN""",
    4: "BATCH_MATMUL DEQUANTIZE SVDF UNPACK",
    5: "GATHER",
}
READ: dict[str, int] = {name: version for version, names in _READ.items() for name in names.split()}
