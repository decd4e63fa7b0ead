"""Convolution with kernels of three rows, by half the multiplications.

Four rows of outputs read six rows of inputs. Winograd's F(4, 3) gets them from six products instead
of twelve (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, "Fast algorithms
for convolutional neural networks", 2016, arXiv 1509.09308, section 4.1):

y = Aᵀ [(G w) · (Bᵀ x)]

x: six rows of the input, w: the three rows of a kernel, y: four rows of the output. Here only the
rows of the picture are treated so; along its columns each of the six products stays an ordinary
convolution with kernels of one row, which needs no patch matrix: rows of pictures lie one after the
other with a gap of zeros between them, so the window at a place is simply the `kw · channels`
numbers from there on, and every kw-th window together are a matrix.

In float32 the largest error is about 2e-6 of the largest output (the patch matrices of `patches`,
which say the same in plain words, have 5e-7); in float64 about 1e-15.

That error depends on all six rows, also where an output reads three of them. So two places that see
the same may differ in their last digits, and a pool would choose between them by chance. F(2, 3),
two rows of outputs by four products instead of six, has no such fault where a ground is plain: of
three equal rows each difference is exactly 0, and both outputs are the same single product. Its
error is 7e-7. It is the form for values that somebody looks at. Places that see the same of
anything else, along a diagonal stroke say, may still differ: where a pool chooses between places on
the way back, the patch matrices are used.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .layer import Mode
from .lines import spread
from .tiles import Block, Cells, Form, Plan, Room, blocks
from .window import Pads, Size

Array = np.ndarray
CHANNELS = 8
"""With fewer channels on either side the transforms cost more than they save."""

WIDE = 1 << 14
"""With more channels · filters than this a single row of tiles is beyond `SMALL`, and products of a
few rows each are slow: 256 channels on 10×10 patches took 1.7 times as long as patch matrices."""

WORTH = 0.75
"""Tiles that stick out and gaps cost: the products must be below this share of the plain ones."""


FOUR = Form(
    np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        np.float64,
    ),
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
    np.array(
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
        np.float64,
    ),
    units=4,
)
"""F(4, 3): the quickest."""
TWO = Form(
    np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float64),
    np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
    np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float64),
    units=8,
)
"""F(2, 3): a plain ground stays plain."""


def suits(
    weight: tuple[int, ...],
    *,
    stride: Size,
    pads: Pads,
    dilation: Size,
    groups: int,
    size: Size,
    form: Form = FOUR,
) -> bool:
    """Whether a convolution of this kind, of pictures of this size, is quicker in this way.

    weight: the shape (kh, kw, channels, filters). Depends on the shapes alone.
    """
    kh, kw, channels, filters = weight
    if (kh, stride, dilation, groups) != (3, (1, 1), (1, 1), 1):
        return False
    plan = Plan.of(form, size, kw, pads)
    products, plain = form.read * plan.tiles * plan.length, 3 * plan.out[0] * plan.out[1]
    fits = min(channels, filters) >= CHANNELS and channels * filters <= WIDE
    return fits and products <= WORTH * plain


def correlate(
    x: Array, weight: Array, *, pads: Pads, mode: Mode, form: Form = FOUR, bias: Array | None = None
) -> Array:
    """What `patches.correlate` gives, where it `suits`; with the bias (filters,) added."""
    x = np.ascontiguousarray(x)  # its rows are met through strides worked out here
    n, (kw, channels, filters) = len(x), weight.shape[1:]
    plan = Plan.of(form, x.shape[1:3], kw, pads)
    y = mode.new((n, *plan.out, filters), x.dtype)
    shift = None if bias is None else spread(bias, y)
    kernels = _transformed(form, weight).reshape(form.read, 1, 1, kw * channels, filters)
    for block, (given, made) in blocks(plan, n, (channels, filters), x.dtype, mode):
        given.lay(form.input, block.strips(x, plan.top, form.read), plan.left, x.shape[2])
        np.matmul(given.windows(plan.gap), kernels, out=made.places())
        grid, outputs = made.grid(0, plan.out[1]), form.output.astype(x.dtype)
        for strip, rows, tiles in block.strips(y, 0, form.step):
            np.matmul(outputs[rows], grid[:, tiles], out=strip)
            if shift is not None:
                strip += shift
    return y


def scatter(dy: Array, weight: Array, *, pads: Pads, size: Size, mode: Mode) -> Array:
    """What `patches.scatter` gives: each of the steps of `correlate` transposed, from the last."""
    plan = Plan.of(FOUR, size, weight.shape[1], pads)
    to_inputs = _ToInputs(plan, weight, len(dy), dy.dtype, mode)
    for block, back, made in _answers(plan, dy, weight.shape[2], mode):
        to_inputs.add(block, back, made)
    return to_inputs.dx


def kernel_gradient(x: Array, dy: Array, *, kernel: Size, pads: Pads, mode: Mode) -> Array:
    """What `patches.kernel_gradient` gives: the gradient of the six products, transformed back."""
    plan = Plan.of(FOUR, x.shape[1:3], kernel[1], pads)
    to_kernels = _ToKernels(plan, x, dy.shape[3], mode)
    for block, back, given in _answers(plan, dy, x.shape[3], mode):
        to_kernels.add(block, back, given)
    return to_kernels.gradient()


def gradients(x: Array, dy: Array, weight: Array, *, pads: Pads, mode: Mode) -> tuple[Array, Array]:
    """`scatter` and `kernel_gradient` in one walk: what comes back is transformed once for both."""
    plan = Plan.of(FOUR, x.shape[1:3], weight.shape[1], pads)
    to_inputs = _ToInputs(plan, weight, len(x), dy.dtype, mode)
    to_kernels = _ToKernels(plan, x, dy.shape[3], mode)
    for block, back, cells in _answers(plan, dy, x.shape[3], mode):
        to_inputs.add(block, back, cells)
        to_kernels.add(block, back, cells)
    return to_inputs.dx, to_kernels.gradient()


def _answers(
    plan: Plan, dy: Array, channels: int, mode: Mode
) -> Iterator[tuple[Block, Cells, Cells]]:
    """Block by block: what comes back, transformed, and cells for what has gone in."""
    dy = np.ascontiguousarray(dy)
    for block, (inside, back) in blocks(plan, len(dy), (channels, dy.shape[3]), dy.dtype, mode):
        back.lay(FOUR.output.T, block.strips(dy, 0, FOUR.step), 0, dy.shape[2])
        yield block, back, inside


class _ToInputs:
    """The way back to the inputs, dx (n, *size, channels).

    A tile gives to six rows. Its last four begin where the tile before it ended, so they are
    written; its first two lie over that one's last, so they are added.
    """

    def __init__(self, plan: Plan, weight: Array, n: int, dtype: np.dtype, mode: Mode) -> None:
        kw, channels, filters = weight.shape[1:]
        self.plan, (rows, cols) = plan, plan.size
        self.dx = mode.new((n, rows, cols, channels), dtype)
        self.dx[:, : max(0, 2 - plan.top)] = 0  # above the first tile's last four
        # What a cell gets comes from the kw places before it: the kernels lie turned.
        turned = _transformed(FOUR, weight)[:, ::-1].swapaxes(2, 3)
        self.turned = turned.reshape(FOUR.read, 1, 1, kw * filters, channels)
        self.room = Room(mode, dtype)

    def add(self, block: Block, back: Cells, made: Cells) -> None:
        """Add what a block gives; `made` is overwritten."""
        np.matmul(back.windows(0), self.turned, out=made.places())
        dx, plan, matrix = self.dx, self.plan, FOUR.input.T.astype(self.dx.dtype)
        grid = made.grid(plan.left, dx.shape[2])
        for strip, rows, tiles in block.strips(dx, plan.top - 2, 4):
            np.matmul(matrix[2:][rows], grid[:, tiles], out=strip)
        for strip, rows, tiles in block.strips(dx, plan.top, 2):
            strip += np.matmul(matrix[:2][rows], grid[:, tiles], out=self.room.of(strip.shape))


class _ToKernels:
    """The way to the gradient of the kernels (3, kw, channels, filters)."""

    def __init__(self, plan: Plan, x: Array, filters: int, mode: Mode) -> None:
        self.plan, self.x = plan, np.ascontiguousarray(x)
        self.shape = (3, plan.kw, x.shape[3], filters)
        self.total = np.zeros((FOUR.read, plan.kw * x.shape[3], filters), x.dtype)
        self.room = Room(mode, x.dtype)

    def add(self, block: Block, back: Cells, given: Cells) -> None:
        """Add a block's share; `given` is overwritten."""
        plan = self.plan
        given.lay(FOUR.input, block.strips(self.x, plan.top, FOUR.read), plan.left, plan.size[1])
        windows, places = given.windows(plan.gap).swapaxes(3, 4), back.places()
        products = self.room.of((*windows.shape[:4], places.shape[4]))
        self.total += np.matmul(windows, places, out=products).sum(axis=(1, 2))

    def gradient(self) -> Array:
        """The gradient, from that of the six products."""
        flat = FOUR.kernel.T.astype(self.total.dtype) @ self.total.reshape(FOUR.read, -1)
        return flat.reshape(self.shape)


def _transformed(form: Form, weight: Array) -> Array:
    """G w: (read, kw, channels, filters)."""
    flat = form.kernel.astype(weight.dtype) @ weight.reshape(3, -1)
    return flat.reshape(form.read, *weight.shape[1:])
