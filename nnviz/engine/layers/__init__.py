"""The layers, one family a file."""

from .activation import Linear, LogSoftmax, Sigmoid, Softmax, Softplus, Step, Tanh
from .arithmetic import Arithmetic, WithConstant
from .blocks import DepthToSpace, SpaceToDepth
from .constant import Constant
from .conv import Conv2D, TrueConv2D
from .curve import CELU, Clip, HardSigmoid, Mish, ReLU6, Softsign, ThresholdedReLU
from .dense import Dense
from .depthwise import DepthwiseConv2D
from .dropout import Dropout, SpatialDropout2D
from .function import Function
from .group_norm import GroupNormalization, InstanceNormalization, LayerNormalization
from .interpolate import Resize
from .lp_pool import GlobalLpPooling2D, LpPooling2D
from .merge import Add, Concatenate, MatMul, Multiply, Where
from .norm import BatchNormalization, LocalResponseNormalization, Normalization
from .places import MaxPlaces2D
from .pool import AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D, Subsampling2D
from .rectifier import ELU, GELU, SELU, HardSwish, LeakyReLU, PReLU, ReLU, Swish
from .reduction import ArgMax, ArgMin, GlobalMaxPooling2D, Reduce
from .reshape import BroadcastTo, Flatten, Permute, Reshape
from .resize import UpSampling2D, ZeroPadding2D
from .select import Gather, Pad, Slice
from .transposed import Conv2DTranspose

Identity = Linear
"""The name that other frameworks give it."""

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "Add",
    "ArgMax",
    "ArgMin",
    "Arithmetic",
    "AveragePooling2D",
    "BatchNormalization",
    "BroadcastTo",
    "Clip",
    "Concatenate",
    "Constant",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthToSpace",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "Function",
    "Gather",
    "GlobalAveragePooling2D",
    "GlobalLpPooling2D",
    "GlobalMaxPooling2D",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyReLU",
    "Linear",
    "LocalResponseNormalization",
    "LogSoftmax",
    "LpPooling2D",
    "MatMul",
    "MaxPlaces2D",
    "MaxPooling2D",
    "Mish",
    "Multiply",
    "Normalization",
    "PReLU",
    "Pad",
    "Permute",
    "ReLU",
    "ReLU6",
    "Reduce",
    "Reshape",
    "Resize",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "SpatialDropout2D",
    "Step",
    "Subsampling2D",
    "Swish",
    "Tanh",
    "ThresholdedReLU",
    "TrueConv2D",
    "UpSampling2D",
    "Where",
    "WithConstant",
    "ZeroPadding2D",
]
