"""A 2-2-1 network that learns, one sample at a time, with the chain rule by hand (row B6).

Two measurements of four people and a yes or no for each. At the right: the chain rule written out,
the library's backward and "move the weight a little and see" give the same nine gradients.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
x = np.array([[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]])
t = np.array([[1.0], [0.0], [0.0], [1.0]])
# All nine parameters in one row: the layers hold views of it, so whoever changes it changes them.
row = np.random.default_rng(1).normal(size=9)
b, w, c, v = row[:2], row[2:6].reshape(2, 2), row[6:7], row[7:].reshape(2, 1)
hidden = nv.Dense(2, activation="sigmoid").with_params(bias=b, weight=w)
output = nv.Dense(1, activation="sigmoid").with_params(bias=c, weight=v)
model, loss, sgd = nv.Sequential([hidden, output], (2,)), nv.MeanSquaredError(), nv.SGD(0.1)


def first_loss(point):
    """The first sample's loss if the nine parameters were these."""
    row[:] = point
    return loss(model.predict(x[:1]), t[:1])


begin, first, losses, worst = row.copy(), {}, [], 0.0
numeric = nv.numerical_gradient(first_loss, begin)
row[:] = begin
for _, i in np.ndindex(300, 4):
    trace = model.run(x[i : i + 1])
    h, o = trace["dense_1/sigmoid"].y[0], trace.output[0]
    d_sum = 2 * (o - t[i]) * o * (1 - o)  # dL/do · do/dsum
    d_hidden = d_sum * v[:, 0] * h * (1 - h)  # · dsum/dh · dh/dsum of the hidden neuron
    by_hand = np.concatenate([d_hidden, np.outer(x[i], d_hidden).ravel(), d_sum, d_sum * h])
    seed = {model.output_name: loss.gradient(trace.output, t[i : i + 1])}
    grads = model.backward(trace, seed, params=True).params
    library = np.concatenate([grads[key].ravel() for key in sorted(grads)])
    first = first or {"numerical": numeric, "by hand": by_hand, "nnviz": library}
    worst = max(worst, np.abs(library - by_hand).max())
    losses.append(loss(model.predict(x), t))
    sgd.apply({"row": row}, {"row": library})
print("by hand and numerical, off by:", worst, np.abs(numeric - first["nnviz"]).max())
print("loss in the beginning and at the end:", losses[0], losses[-1])

figure = Figure(figsize=(11, 3.8), dpi=110, layout="constrained")
curve, bars = figure.subplots(1, 2)
curve.semilogy(losses)
curve.set(title="learning one sample at a time", xlabel="step", ylabel="mean squared error")
for i, (name, values) in enumerate(first.items()):
    bars.bar(np.arange(9) + 0.27 * (i - 1), values, width=0.27, label=name)
bars.set_xticks(range(9), ["b1", "b2", "w11", "w12", "w21", "w22", "c", "v1", "v2"])
bars.set(title="gradients of the first sample", xlabel="parameter", ylabel="dL / dparameter")
bars.legend(frameon=False)
figure.savefig(f"{folder}/learnable_network.png")
