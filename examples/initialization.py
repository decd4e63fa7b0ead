"""How the first weights spread the activations, layer by layer (row C9).

A thousand numbers go through ten layers of a thousand neurons. With weights that are too small
(0.01) the signal dies, with too large ones (1.0) sigmoid and tanh are stuck at their ends and ReLU
explodes. Xavier suits tanh, He suits ReLU: their last layer looks much like the first. Each panel
holds ten histograms, the first layer at the top; printed are means of ten seeds.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

folder = sys.argv[1] if len(sys.argv) > 1 else "."
WIDTH, DEPTH, SEEDS, SAMPLES = 1000, 10, 10, 50
STARTS = {"0.01": ("normal", 0.01), "1.0": ("normal", 1.0)}
STARTS |= {"Xavier": "xavier_normal", "He": "he_normal"}
ENDS = {nv.ReLU: (0, 3), nv.Sigmoid: (0, 1), nv.Tanh: (-1, 1)}
found = {(kind, start): [] for kind in ENDS for start in STARTS}
shown = {}
for seed in range(SEEDS):
    x = np.random.default_rng(seed).normal(size=(SAMPLES, WIDTH)).astype(np.float32)
    for start, spec in STARTS.items():
        dense = [nv.Dense(WIDTH, weight_init=spec) for _ in range(DEPTH)]
        for kind, (low, high) in ENDS.items():  # the same weights with each activation
            layers = [layer for one in dense for layer in (one, kind())]
            model = nv.Sequential(layers, (WIDTH,), seed=seed)
            trace = model.run(x)
            ys = [trace[node.name].y for node in model.nodes[1::2]]
            first, last = (np.square(ys[i], dtype=float).mean() for i in (0, -1))
            end = np.abs(ys[-1] - low) < 0.01
            end |= (np.abs(ys[-1] - high) < 0.01) & (kind is not nv.ReLU)
            found[kind, start].append([first, last, end.mean(), ys[-1].std(axis=0).mean()])
            shown.setdefault((kind, start), ys)

print("mean square in layers 1 and 10; in layer 10, share within 0.01 of an end of the curve, and")
print("how much a neuron differs from sample to sample")
figure = Figure(figsize=(12, 8), dpi=110, layout="constrained")
axes = iter(figure.subplots(3, 4, sharey=True).flat)
for (kind, start), values in found.items():
    first, last, share, spread = np.mean(values, axis=0)
    print(f"{kind.__name__} {start}: {first:.4g} {last:.4g} {share:.4f} {spread:.4g}")
    ax, edges = next(axes), np.linspace(*ENDS[kind], 61)
    for i, y in enumerate(shown[kind, start]):
        counts = np.sqrt(np.histogram(y, edges)[0])  # the root, so that one high bar hides nothing
        tall = counts / max(counts.max(), 1) * 0.9
        ax.stairs(DEPTH - i + tall, edges, baseline=DEPTH - i, fill=True, color=f"C{i}")
    ax.set_title(f"{kind.__name__}, {start}: {first:.2g} -> {last:.2g}", fontsize=10)
    ax.set_yticks(range(1, DEPTH + 1), range(DEPTH, 0, -1))
    ax.set(xlabel="activation", ylabel="layer" if start == "0.01" else None)
figure.suptitle("activations by layer; above each panel the mean square in layer 1 -> layer 10")
figure.savefig(f"{folder}/initialization.png")
