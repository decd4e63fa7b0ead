"""XOR with a 2-3-1 network and tanh, and how often it succeeds (rows A1 to A6).

XOR is the smallest task that one layer cannot do. The weights begin within ±0.5 and learn for 1,000
epochs at a rate of 0.1, one sample at a time. At the left: about two in three beginnings get there,
the others sit in a local minimum. At the right: what one that got there answers over the plane.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
t = np.array([[0], [1], [1], [0]], float)


def network(seed):
    start = {"activation": "tanh", "weight_init": ("uniform", 0.5)}
    layers = [nv.Dense(3, **start), nv.Dense(1, **start)]
    return nv.Sequential(layers, (2,), seed=seed).astype(np.float64)


model = network(0)
history = model.fit(x, t, epochs=1000, batch_size=1, optimizer=nv.SGD(0.1), loss="mse", verbose=0)
print("errors at the beginning and the end:", history["loss"][0], history["loss"][-1])
print("outputs for 00 01 10 11:", *model.predict(x)[:, 0].round(3))

# A hundred networks side by side: a 1×1 convolution in 100 groups is 100 little dense layers, each
# with its own seed's weights. `fit` is written out: forward, dE/dY = 2 (y − t), back, step.
layers = [nv.Conv2D(n * 100, 1, groups=100, activation="tanh") for n in (3, 1)]
many, sgd = nv.Sequential(layers, (1, 1, 200)).astype(np.float64), nv.SGD(0.1)
params = many.parameters()
for i in "12":
    weights = [network(seed).parameters()[f"dense_{i}/weight"] for seed in range(100)]
    params[f"conv2d_{i}/weight"][0, 0] = np.concatenate(weights, axis=1)
errors = np.empty((1000, 4, 100))
for epoch, i in np.ndindex(1000, 4):  # always in the order 00, 01, 10, 11
    trace = many.run(np.tile(x[i], 100)[None, None, None])
    gap = trace.output - t[i]
    errors[epoch, i] = gap[0, 0, 0] ** 2
    sgd.apply(params, many.backward(trace, {many.output_name: 2 * gap}, params=True).params)
errors, there = errors.mean(axis=1), errors[-1].mean(axis=0) < 0.001
print("seeds of 100 with an error below 0.001:", there.sum())

figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
curves, plane = figure.subplots(1, 2, width_ratios=[1.5, 1])
for group, colour, word in ((there, "tab:blue", "get there"), (~there, "tab:orange", "do not")):
    curves.semilogy(errors[:, group], c=colour, lw=0.6)[0].set_label(f"{group.sum()} seeds {word}")
curves.set(title="mean squared error", xlabel="epoch", ylabel="error")
curves.legend(frameon=False)
grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 1.5, 200)] * 2), -1).reshape(-1, 2)
plane.imshow(model.predict(grid).reshape(200, 200), cmap="coolwarm", vmin=0, vmax=1,
             origin="lower", extent=(-0.5, 1.5) * 2)  # fmt: skip
plane.scatter(*x.T, c=t, cmap="coolwarm", edgecolors="black", s=90)
plane.set(title="answers of seed 0 (dots: the truth)", xlabel="first", ylabel="second")
figure.savefig(f"{folder}/xor.png")
