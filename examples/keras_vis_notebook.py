"""A notebook of the guide to visualizing CNNs, run again on `nnviz.compat.keras_vis` (E9).

Activation maximization of the ten digits, occlusion, saliency and Grad-CAM, each with the plain,
the guided and the rectified gradient, in jet as in the guide. What changed against the notebook:
the imports, and the model. Look at the first row: the pictures are classified with certainty and
still hold little that a person would call a digit; beside them, what `nv.maximize` makes.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv
from nnviz.compat import keras_vis
from nnviz.compat.keras_vis import (
    activations,
    utils,
    visualize_activation,
    visualize_cam,
    visualize_saliency,
)

folder = sys.argv[1] if len(sys.argv) > 1 else "."
digits = nv.data.load("sample")
x_test = digits.x / np.float32(255)
model = keras_vis.view(nv.load("mnist-cnn"))
layer_idx = utils.find_layer_idx(model, "preds")
model.layers[layer_idx].activation = activations.linear
linear = utils.apply_modifications(model)

modifiers = [None, "guided", "relu"]
rows = ["visualize_activation", "nv.maximize", "a digit", "occlusion"]
rows += [f"{what}, {m or 'plain'}" for what in ("saliency", "Grad-CAM") for m in modifiers]
figure = Figure(figsize=(12, 13), dpi=90, layout="constrained")
tiles = figure.subplots(len(rows), 10)
better = nv.maximize(model.model, list(range(10))).values
sure = []
for k in range(10):
    best = visualize_activation(linear, layer_idx, filter_indices=k, input_range=(0.0, 1.0))
    sure.append(model.predict(best)[0, k])
    digit = x_test[digits.y == k][0]
    column = [best, better[k], digit, nv.occlusion(model.model, digit, k).values[0]]
    for see in (visualize_saliency, visualize_cam):
        for m in modifiers:
            column.append(see(linear, layer_idx, k, digit, backprop_modifier=m))
    for row, picture in enumerate(column):
        tiles[row, k].imshow(picture, cmap="gray" if row < 3 else "jet")
        tiles[row, k].set(xticks=[], yticks=[])
        if not picture.any():  # nothing that the rule lets pass speaks for the class
            tiles[row, k].text(14, 14, "all zero", color="w", ha="center", va="center")
for ax, name in zip(tiles[:, 0], rows, strict=True):
    ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
print("classes whose picture is recognized:", sum(p > 0.5 for p in sure))
figure.savefig(f"{folder}/keras_vis_notebook.png")
