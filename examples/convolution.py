"""Convolution: the window that slides, straight and turned (rows A7, C12 and D2).

A kernel is laid over every place of a picture, multiplied number by number, and added up. Networks
lay it as it is (correlation, `Conv2D`); mathematicians turn it by 180° first (`TrueConv2D`). In the
picture the same kernel finds edges that become brighter, or darker, to the right; sigmoid and tanh
bend its answers. SciPy is the reference; four nested loops are for padding and strides.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from scipy.signal import convolve2d, correlate2d

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
rng = np.random.default_rng(0)
x, weight, bias = rng.normal(size=(9, 8, 3)), rng.normal(size=(3, 2, 3, 4)), rng.normal(size=4)


def run(layer, picture, weight, bias):
    layers = [layer.with_params(weight=weight, bias=bias)]
    return nv.Sequential(layers, picture.shape).predict(picture)[0]


# The texts add the bias once per input channel, and multiply matrices instead of elements.
for kind, scipys in ((nv.Conv2D, correlate2d), (nv.TrueConv2D, convolve2d)):
    parts = [[scipys(x[..., k], weight[..., k, o], "valid") for k in range(3)] for o in range(4)]
    off = run(kind(4, (3, 2)), x, weight, bias) - (np.moveaxis(np.sum(parts, axis=1), 0, 2) + bias)
    print(f"{kind.__name__} against scipy.signal.{scipys.__name__}, off by:", np.abs(off).max())
for pad, stride in ((0, 1), (1, 1), (1, 2), (2, 3)):
    layer = nv.Conv2D(4, (3, 2), padding=((pad, pad), (pad, pad)), strides=stride)
    y, wide = run(layer, x, weight, bias), np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    loops = np.zeros(((9 + 2 * pad - 3) // stride + 1, (8 + 2 * pad - 2) // stride + 1, 4)) + bias
    for r, c, o, i, j in np.ndindex(*loops.shape, 3, 2):
        loops[r, c, o] += wide[r * stride + i, c * stride + j] @ weight[i, j, :, o]
    off = np.abs(y - loops).max()  # a wrong size, (H + 2P − F) / S + 1, would stop here
    print(f"padding {pad}, stride {stride}, output {y.shape}, off by:", off)

digit = nv.data.load("sample").x[0] / 255
kernel, zero = np.array([[-1.0, 0, 1]] * 3)[..., None, None], np.zeros(1)
tiles = {"a digit": digit, "the kernel": kernel[..., 0]}
for kind, word in ((nv.Conv2D, "correlation"), (nv.TrueConv2D, "true convolution")):
    for end in ("linear", "sigmoid", "tanh"):
        plain = run(kind(1, 3), digit, kernel, zero)
        layer = kind(1, 3, activation=end)
        tiles[word if end == "linear" else f"{word}, {end}"] = run(layer, digit, kernel, zero)
figure = Figure(figsize=(12, 5.6), dpi=110, layout="constrained")
order = ["a digit", *(name for name in tiles if name.startswith("corr")), "the kernel"]
for ax, name in zip(figure.subplots(2, 4).flat, [*order, *list(tiles)[5:]], strict=True):
    low = 0 if name == "a digit" or "sigmoid" in name else -np.abs(tiles[name]).max()
    shown = ax.imshow(
        tiles[name][..., 0], cmap="gray" if low == 0 else "RdBu_r", vmin=low, vmax=-low or 1
    )
    ax.set_title(name, fontsize=10)
    ax.axis("off")
    figure.colorbar(shown, ax=ax, shrink=0.7)
figure.savefig(f"{folder}/convolution.png")
