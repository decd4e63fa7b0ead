"""Apples and tax: a computational graph, forward and backward (row C6).

Two apples at 100 each and a tax of 1.1 make 220. Going back through the graph says how much the
bill grows when one number grows by 1: an add node hands the gradient on, a multiply node hands it
on times the other number. In the picture blue is what flows forward, orange what comes back.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."


class Pick(nv.Layer):
    """One of several numbers: a layer of our own, with all that a layer must have."""

    def __init__(self, place, name):
        super().__init__(name=name)
        self.place = place

    def out_shape(self, *shapes):
        return (1,)

    def forward(self, *xs, mode):
        return xs[0][:, [self.place]], None

    def backward(self, dy, call):
        return dy * np.eye(call.x.shape[1])[self.place]


def draw(ax, inputs, bill, values):
    """Run the graph forward and backward; print the bill and the gradients; draw both."""
    model = nv.Model(inputs, bill)
    trace, names = model.run(np.array([values], float)), [node.name for node in model.nodes]
    back = model.backward(trace, {"bill": np.ones((1, 1))}, until=names)
    plan = nv.diagram(model)
    place = {block.name: (block.rank, -block.column) for block in plan.blocks}
    for start, end in plan.arrows[len(values) :]:  # the first ones come from the input
        arrow = {"arrowstyle": "-|>", "color": "grey", "shrinkA": 24, "shrinkB": 24}
        ax.annotate("", place[end], place[start], arrowprops=arrow)
    for name in names:
        (c, r), value, slope = place[name], trace[name].y[0, 0], back[name][0, 0]
        print(f"{name}, and its gradient: {value:.9g} {slope:.9g}")
        ax.scatter(c, r, s=2200, color="#eef3fa", edgecolors="grey")
        ax.text(c, r, name.replace(" ", "\n"), ha="center", va="center", fontsize=9)
        ax.text(c, r + 0.42, f"{value:.6g}", ha="center", color="tab:blue")
        ax.text(c, r - 0.52, f"{slope:.6g}", ha="center", color="tab:orange")
    ax.set(xlim=(0.5, 4.5), ylim=(-len(values) + 0.3, 0.7))
    ax.axis("off")


figure = Figure(figsize=(11, 5.2), dpi=110, layout="constrained")
left, right = figure.subplots(1, 2)
x = nv.Input((3,))
price, count, tax = (Pick(i, name)(x) for i, name in enumerate(("price", "apples", "tax")))
draw(left, x, nv.Multiply(name="bill")([nv.Multiply(name="sum")([price, count]), tax]), [100, 2, 1.1])
