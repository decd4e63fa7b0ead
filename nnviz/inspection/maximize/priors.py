"""What a picture should look like whatever the network says: penalties with their gradients.

Without them the strongest picture for a network is fine noise that nobody can read. Pictures are
pixels in 0..1, (N, rows, cols, channels); each penalty gives (N,) and the gradient of each for its
own picture.
"""

from __future__ import annotations

import numpy as np

from ...engine.layer import Array


def total_variation(x: Array) -> tuple[Array, Array]:
    """Σ of the squared steps between neighbours, divided by the number of values: favours smooth
    areas.

    Mahendran and Vedaldi 2015, eq. 4 with β = 2, arXiv:1412.0035.
    """
    down, along = np.diff(x, axis=1), np.diff(x, axis=2)
    size = x[0].size
    values = ((down**2).sum(axis=(1, 2, 3)) + (along**2).sum(axis=(1, 2, 3))) / size
    gradient = np.zeros_like(x)
    gradient[:, 1:] += down
    gradient[:, :-1] -= down
    gradient[:, :, 1:] += along
    gradient[:, :, :-1] -= along
    return values, gradient * (2 / size)


def brightness(x: Array) -> tuple[Array, Array]:
    """Σ x² divided by the number of values: what the target does not need stays black."""
    size = x[0].size
    return (x**2).sum(axis=(1, 2, 3)) / size, x * (2 / size)
