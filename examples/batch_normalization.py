"""Batch normalization while training and afterwards (row C10).

While training, each channel is brought to mean 0 and variance 1 by the batch's own mean and
variance, and two running figures follow these. At prediction the running figures take their place,
so that one picture's answer does not depend on its neighbours. Look at the left: before the running
figures have caught up, prediction is off. At the right: how they catch up.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
rng = np.random.default_rng(0)
model = nv.Sequential([nv.BatchNormalization(momentum=0.9)], (3,)).astype(np.float64)
layer, train, steps = model.nodes[0].layer, nv.Mode(train=True), 60
batches = rng.normal([3, -1, 0], [5, 0.5, 1], (steps + 1, 256, 3))


def formula(x, mean, variance):
    return (x - mean) / np.sqrt(variance + layer.epsilon)


x = batches[0]
off = layer.forward(x, mode=train)[0] - formula(x, x.mean(axis=0), x.var(axis=0))
print("training against its formula, off by:", np.abs(off).max())
# The gradient in training: each number moves the batch's mean and variance as well.
few, pull = x[:6], rng.normal(size=(6, 3))
back = layer.backward(pull, nv.Call((few,), *layer.forward(few, mode=train), train))
numeric = nv.numerical_gradient(lambda v: (layer.forward(v, mode=train)[0] * pull).sum(), few)
print("backward against the numerical, off by:", np.abs(back - numeric).max())

early, means, spreads = model.predict(batches[-1]), [], []
for x in batches[:-1]:
    call = nv.Call((x,), *layer.forward(x, mode=train), train)
    layer.buffers.update(layer.new_buffers([call]))  # what `fit` does after each step
    means.append(layer.buffers["moving_mean"])
    spreads.append(np.sqrt(layer.buffers["moving_variance"]))
late = model.predict(batches[-1])
off = late - formula(batches[-1], means[-1], spreads[-1] ** 2)
print("prediction against its formula, off by:", np.abs(off).max())
print("mean and std of the predictions:", late.mean(), late.std())

figure = Figure(figsize=(11, 3.8), dpi=110, layout="constrained")
left, right = figure.subplots(1, 2)
tables = {"input": batches[-1], "predicted at once": early, "predicted after 60 steps": late}
for name, values in tables.items():
    left.hist(values[:, 0], np.arange(-12, 19), histtype="step", label=name, linewidth=1.5)
left.set(title="the first channel", xlabel="value", ylabel="how many of 256")
left.legend(frameon=False)
for k in range(3):
    right.plot(np.array(means)[:, k], color=f"C{k}", label=f"channel {k + 1}")
    right.plot(np.array(spreads)[:, k], color=f"C{k}", linestyle="--")
right.set(title="running mean (line) and deviation (dashes)", xlabel="step", ylabel="value")
right.legend(frameon=False)
figure.savefig(f"{folder}/batch_normalization.png")
