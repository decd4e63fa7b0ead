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


def inputs(*names):
    """One input of so many numbers, and a node for each: weights 1 and 0 pick it out."""
    x, weights = nv.Input((len(names),)), np.eye(len(names))
    picks = [nv.Dense(1, use_bias=False, name=name) for name in names]
    return x, *(p.with_params(weight=w[:, None])(x) for p, w in zip(picks, weights, strict=True))


def draw(ax, title, x, bill, values):
    """Run the graph forward and backward; print the numbers and draw both ways."""
    model = nv.Model(x, bill)
    trace, names = model.run(np.array([values])), [node.name for node in model.nodes]
    back = model.backward(trace, {"bill": np.ones((1, 1))}, until=names)
    plan = nv.diagram(model)
    place = {block.name: (block.rank, -block.column) for block in plan.blocks}
    for start, end in plan.arrows:
        if start != "input":
            arrow = {"arrowstyle": "-|>", "color": "grey", "shrinkA": 21, "shrinkB": 21}
            ax.annotate("", place[end], place[start], arrowprops=arrow)
    print(title)
    for name in names:
        (c, r), value, slope = place[name], trace[name].y[0, 0], back[name][0, 0]
        print(f"  {name}, its gradient: {value:.9g} {slope:.9g}")
        ax.scatter(c, r, s=1700, color="#eef3fa", edgecolors="grey")
        ax.text(c, r, name.replace(" ", "\n"), ha="center", va="center", fontsize=8)
        ax.text(c, r + 0.31, f"{value:.6g}", ha="center", color="tab:blue")
        ax.text(c, r - 0.42, f"{slope:.6g}", ha="center", color="tab:orange")
    ax.set(title=title, xlim=(0.5, 4.5), ylim=(-4.7, 0.7))
    ax.axis("off")


figure = Figure(figsize=(11, 6.6), dpi=110, layout="constrained")
left, right = figure.subplots(1, 2)
x, apple, count, tax = inputs("apple", "apple count", "tax")
bill = nv.Multiply(name="bill")([nv.Multiply(name="apples")([apple, count]), tax])
draw(left, "two apples at 100", x, bill, [100, 2, 1.1])
x, apple, count, orange, more, tax = inputs("apple", "apple count", "orange", "orange count", "tax")
fruit = [nv.Multiply(name="apples")([apple, count]), nv.Multiply(name="oranges")([orange, more])]
bill = nv.Multiply(name="bill")([nv.Add(name="fruit")(fruit), tax])
draw(right, "and three oranges at 150", x, bill, [100, 2, 150, 3, 1.1])
figure.savefig(f"{folder}/apples_and_tax.png")
