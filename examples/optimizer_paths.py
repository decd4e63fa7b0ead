"""Seven optimizers on an elongated bowl (row C8).

f(a, b) = a²/20 + b² is steep in b and flat in a: plain gradient descent zigzags down the steep
sides and hardly moves along the valley. Momentum rolls on, AdaGrad, RMSProp and Adam give each
number a pace of its own. Every optimizer's first step is compared with its formula, by hand.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
START, STEPS = np.array([-7.0, 2.0]), 40


def f(point):
    return point[..., 0] ** 2 / 20 + point[..., 1] ** 2


def slope(point):
    return point * [0.1, 2.0]


w, g, tiny = START, slope(START), 1e-7
first_step = {  # what each formula makes of the first gradient
    "SGD": (nv.SGD(0.95), w - 0.95 * g),
    "momentum": (nv.SGD(0.1, momentum=0.9), w - 0.1 * g),
    "Nesterov": (nv.SGD(0.1, momentum=0.9, nesterov=True), w - 0.1 * g * (1 + 0.9)),
    "AdaGrad": (nv.AdaGrad(1.5), w - 1.5 * g / np.sqrt(0.1 + g**2 + tiny)),
    "RMSProp": (nv.RMSProp(0.2), w - 0.2 * g / np.sqrt(0.1 * g**2 + tiny)),
    "Adam": (nv.Adam(0.3), w - 0.3 * g / (abs(g) + tiny / np.sqrt(0.001))),
    "AdamW": (
        nv.AdamW(0.3, weight_decay=0.1),
        w * (1 - 0.03) - 0.3 * g / (abs(g) + tiny / np.sqrt(0.001)),
    ),
}
figure = Figure(figsize=(12, 5.4), dpi=110, layout="constrained")
axes = list(figure.subplots(2, 4).flat)
a, b = np.meshgrid(np.linspace(-8, 5, 200), np.linspace(-3.2, 3.2, 200))
for i, (name, (optimizer, by_hand)) in enumerate(first_step.items()):
    point, path = START.copy(), [START]
    for _ in range(STEPS):
        optimizer.apply({"point/weight": point}, {"point/weight": slope(point)})
        path.append(point.copy())
    path = np.array(path)
    off = np.abs(path[1] - by_hand).max()
    print(f"{name}, first step off by, f at the end: {off:.1e} {f(path[-1]):.6f}")
    ax, colour = axes[i], f"C{i}"
    ax.contour(a, b, f(np.stack([a, b], -1)), np.arange(0.2, 12, 0.8), colors="lightgrey")
    ax.plot(*path.T, "o-", color=colour, markersize=2.5, linewidth=1)
    ax.plot(0, 0, "+", color="black")
    ax.set_title(name, color=colour)
    ax.set(xlabel="a", ylabel="b")
    axes[-1].semilogy(f(path), color=colour)
axes[-1].set(title="f, step by step", xlabel="step", ylabel="f")
figure.savefig(f"{folder}/optimizer_paths.png")
