"""The layers, one family a file."""

from .activation import Linear, Sigmoid, Softmax, Softplus, Step, Tanh
from .arithmetic import Arithmetic, WithConstant
from .conv import Conv2D, TrueConv2D
from .dense import Dense
from .depthwise import DepthwiseConv2D
from .dropout import Dropout, SpatialDropout2D
from .merge import Add, Concatenate, Multiply
from .norm import BatchNormalization, LocalResponseNormalization, Normalization
from .pool import AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D, Subsampling2D
from .rectifier import ELU, GELU, SELU, HardSwish, LeakyReLU, PReLU, ReLU, Swish
from .reshape import Flatten
from .resize import UpSampling2D, ZeroPadding2D
from .transposed import Conv2DTranspose

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Add",
    "Arithmetic",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Conv2DTranspose",
    "Dense",
    "DepthwiseConv2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "HardSwish",
    "LeakyReLU",
    "Linear",
    "LocalResponseNormalization",
    "MaxPooling2D",
    "Multiply",
    "Normalization",
    "PReLU",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpatialDropout2D",
    "Step",
    "Subsampling2D",
    "Swish",
    "Tanh",
    "TrueConv2D",
    "UpSampling2D",
    "WithConstant",
    "ZeroPadding2D",
]
