"""The calls of keras-vis (raghakot/keras-vis, unmaintained since 2020), for notebooks with them.

    from nnviz.compat import keras_vis
    from nnviz.compat.keras_vis import activations, utils, visualize_activation, visualize_cam

    model = keras_vis.view(nv.load("mnist-cnn"))
    layer_idx = utils.find_layer_idx(model, "preds")
    model.layers[layer_idx].activation = activations.linear
    model = utils.apply_modifications(model)
    picture = visualize_activation(model, layer_idx, filter_indices=3, input_range=(0.0, 1.0))

Names and order of arguments are those of its last master; calls by position of its release 0.4.1
work where they cannot mean two things. Results are arrays without a batch axis: maps in their
picture's floating dtype, pictures that were made in float32.

What was wrong there and is right here:

1. Grad-CAM divided the gradients by their maximum: where all are negative the sign turned, and
   evidence against a class was drawn as evidence for it. Here nothing is divided.
2. Grad-CAM's search for the penultimate layer passed over the layer directly before.
3. Grad-CAM stretched its map corner to corner; here it lies where the receptive fields' middles
   are.
4. The picture of activation maximization was stretched in contrast before it was returned, and
   belonged to the step after the best one. Here it is the best picture, as the network saw it.
5. Its pixels left `input_range` on the way, and one step was about one unit whatever the range.
   Here they are kept inside, and a step is 1/255 of the range.
6. Jitter was never undone, so that the picture wandered. Here its gradient is moved back.
7. The modified model was kept by object and went stale after more training. Here nothing is kept.
8. Guided and rectified gradients acted on ReLU layers alone, silently. They still do, since the
   papers speak of no others, but a warning names the layers left as they are.
9. `LPNorm` with p = infinity forgot the absolute value.
10. Every call added to a graph, so each was slower than the last.
11. Maps were always scaled to 0..1, so that none could be compared: `raw=True` leaves them.
"""

from types import SimpleNamespace

from .activation import Jitter, visualize_activation
from .maps import visualize_cam, visualize_saliency
from .view import LayerView, ModelView, activations, apply_modifications, find_layer_idx, view

utils = SimpleNamespace(find_layer_idx=find_layer_idx, apply_modifications=apply_modifications)
"""What was `vis.utils.utils`."""

__all__ = [
    "Jitter",
    "LayerView",
    "ModelView",
    "activations",
    "apply_modifications",
    "find_layer_idx",
    "utils",
    "view",
    "visualize_activation",
    "visualize_cam",
    "visualize_saliency",
]
