"""Activation functions and their derivatives in one picture (rows B2, C2 and A3).

An activation bends the straight line that a layer of weights computes; without it, many layers
would be no more than one. Look at the middle: where a derivative is near zero nothing can be
learnt. The step has none at all, sigmoid and tanh have one near 0 only, ReLU keeps it for all
positive numbers. Softmax, at the right, makes shares of several numbers that add up to one.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
mode = nv.Mode()


def apply(layer, x):
    """A layer's output and its derivative, by its own forward and backward."""
    y, saved = layer.forward(x, mode=mode)
    return y, layer.backward(np.ones_like(y), nv.Call((x,), y, saved, mode))


# A careless 1 / (1 + e^-x) or e^x / sum(e^x) overflows here.
print("sigmoid of -1000 and 1000:", *apply(nv.Sigmoid(), np.array([-1000.0, 1000.0]))[0])
shares = apply(nv.Softmax(), np.array([[1010.0, 1000.0, 990.0]]))[0][0]
print("softmax of 1010 1000 990:", *(f"{v:.8e}" for v in shares))

figure = Figure(figsize=(12, 3.8), dpi=110, layout="constrained")
values, slopes, parts = figure.subplots(1, 3)
x = np.linspace(-5, 5, 1001)
for layer in (nv.Step(), nv.Sigmoid(), nv.Tanh(), nv.ReLU(), nv.LeakyReLU(), nv.GELU()):
    y, slope = apply(layer, x)
    numeric = np.gradient(y, x)
    smooth = np.abs(x) > 0.02  # step and ReLU have a corner at 0
    name = type(layer).__name__
    print(f"{name}, derivative off by:", f"{np.abs(numeric - slope)[smooth][1:-1].max():.1e}")
    values.plot(x, y, label=name)
    slopes.plot(x, slope)
values.set(title="what comes out", xlabel="x", ylabel="y", ylim=(-1.6, 3.2))
slopes.set(title="derivative", xlabel="x", ylabel="dy/dx")
values.legend(frameon=False, fontsize=9)

rows = np.stack([x, np.ones_like(x), np.zeros_like(x)], axis=1)
shares = apply(nv.Softmax(), rows)[0]
parts.stackplot(x, shares.T, labels=["x", "1", "0"], colors=["#4c72b0", "#a8bfe0", "#e3e9f3"])
parts.set(title="softmax of (x, 1, 0)", xlabel="x", ylabel="share", xlim=(-5, 5), ylim=(0, 1))
parts.legend(loc="upper left", title="share of", fontsize=9)
figure.savefig(f"{folder}/activations.png")
