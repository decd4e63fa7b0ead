"""Gradients by trying, and walking downhill (row C5).

The slope of a function can be found by moving each number a little both ways (h = 1e-4). Gradient
descent walks against it. The text walks down (a − 1)² + (b − 2)³ + c², which has no minimum: from
b = 3 the walk creeps towards b = 2 and looks as if it had arrived, from b = 1.9 it runs away to
minus infinity, and nnviz says so. With (b − 2)² there is a minimum, at (1, 2, 0).
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."


def text(p):
    return (p[0] - 1) ** 2 + (p[1] - 2) ** 3 + p[2] ** 2


def bowl(p):
    return (p[0] - 1) ** 2 + (p[1] - 2) ** 2 + p[2] ** 2


print("gradient at 2 3 5:", *nv.numerical_gradient(text, [2, 3, 5]).round(6))
good = nv.gradient_descent(bowl, [2, 3, 5], learning_rate=0.1, steps=100)
print("minimum of the bowl:", *(good[-1].round(6) + 0.0))
creeps = nv.gradient_descent(text, [2, 3, 5], learning_rate=0.1, steps=100)
print("the text's function from b = 3 comes to b:", creeps[-1, 1])
try:
    nv.gradient_descent(text, [2, 1.9, 5], learning_rate=0.1, steps=1000)
except nv.ArgumentError as warning:
    print("the text's function from b = 1.9:", warning)
runs = nv.gradient_descent(text, [2, 1.9, 5], learning_rate=0.1, steps=38)

figure = Figure(figsize=(10.5, 4), dpi=110, layout="constrained")
plane, steps = figure.subplots(1, 2)
a, b = np.meshgrid(np.linspace(-1, 3, 100), np.linspace(0.5, 3.5, 100))
plane.contour(a, b, bowl((a, b, 0 * a)), 15, cmap="Blues_r")
plane.plot(*good[:, :2].T, "o-", color="tab:orange", markersize=3)
plane.set(title="down the bowl", xlabel="a", ylabel="b", aspect="equal")
steps.plot(good[:, 1], label="(b - 2)² from 3: arrives")
steps.plot(creeps[:, 1], label="(b - 2)³ from 3: creeps to a saddle")
steps.plot(runs[:, 1], label="(b - 2)³ from 1.9: runs away")
steps.axhline(2, color="grey", linewidth=0.6)
steps.set(title="b, step by step", xlabel="step", ylabel="b", ylim=(-4, 3.5), xlim=(0, 100))
steps.legend(frameon=False, loc="lower right")
figure.savefig(f"{folder}/numerical_gradient.png")
