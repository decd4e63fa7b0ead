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

In float32 the largest error is about 2e-6 of the largest output, and 5e-6 with hundreds of channels
(the patch matrices of `patches`, which say the same in plain words, have 5e-7); in float64 1e-14.

That error depends on all six rows, also where an output reads three of them. So two places that see
the same may differ in their last digits, and a pool would choose between them by chance. F(2, 3),
two rows of outputs by four products instead of six, has no such fault where a ground is plain: of
three equal rows each difference is exactly 0, and both outputs are the same single product. Its
error is 1e-6. It is the form for values that somebody looks at. Places that see the same of
anything else, along a diagonal stroke say, may still differ: where a pool chooses between places on
the way back, the patch matrices are used. All of this holds where the machine's own products do
not spoil it (see `equal_rows`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .layer import Mode
from .lines import line
from .tiles import ROWS, Block, Cells, Form, Plan, Room, blocks
from .window import Pads, Size

Array = np.ndarray
CHANNELS = 8
"""With fewer channels on either side the transforms cost more than they save."""

WIDE = 1 << 14
"""With more channels · filters than this products of a few rows are slow: 256 channels on a single
10×10 patch took 1.7 times as long as patch matrices."""

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
SIX = Form(
    np.array(
        [
            [4, 0, -21, 0, 21, 0, -4, 0],
            [0, 4, 4, -17, -17, 4, 4, 0],
            [0, -4, 4, 17, -17, -4, 4, 0],
            [0, 2, 1, -10, -5, 8, 4, 0],
            [0, -2, 1, 10, -5, -8, 4, 0],
            [0, 8, 16, -10, -20, 2, 4, 0],
            [0, -8, 16, 10, -20, -2, 4, 0],
            [0, -4, 0, 21, 0, -21, 0, 4],
        ],
        np.float64,
    )
    / 4,
    np.array(
        [
            [90, 0, 0], [-20, -20, -20], [-20, 20, -20], [1, 2, 4], [1, -2, 4],
            [64, 32, 16], [64, -32, 16], [0, 0, 90],
        ]
    )
    / 90,
    np.array(
        [
            [1, 1, 1, 1, 1, 1, 1, 0],
            [0, 1, -1, 2, -2, 1 / 2, -1 / 2, 0],
            [0, 1, 1, 4, 4, 1 / 4, 1 / 4, 0],
            [0, 1, -1, 8, -8, 1 / 8, -1 / 8, 0],
            [0, 1, 1, 16, 16, 1 / 16, 1 / 16, 0],
            [0, 1, -1, 32, -32, 1 / 32, -1 / 32, 1],
        ]
    ),
    units=4,
)  # fmt: skip
"""F(6, 3): eight products for six rows; for small regions, which it takes in one tile."""


def suits(
    weight: tuple[int, ...],
    *,
    stride: Size,
    pads: Pads,
    dilation: Size,
    groups: int,
    size: Size,
    n: int = 1,
    form: Form = FOUR,
) -> bool:
    """Whether a convolution of this kind, of n pictures of this size, is quicker in this way.

    weight: the shape (kh, kw, channels, filters). Depends on the shapes alone; that of n is the
    reason why last digits may depend on how many pictures are run together.
    """
    kh, kw, channels, filters = weight
    if (kh, stride, dilation, groups) != (3, (1, 1), (1, 1), 1):
        return False
    plan = Plan.of(form, size, kw, pads)
    products, plain = form.read * plan.tiles * plan.length, 3 * plan.out[0] * plan.out[1]
    fits = channels * filters <= WIDE or plan.rows(n) >= ROWS
    return fits and min(channels, filters) >= CHANNELS and products <= WORTH * plain


def correlate(
    x: Array, weight: Array, *, pads: Pads, mode: Mode, form: Form = FOUR, bias: Array | None = None
) -> Array:
    """What `patches.correlate` gives, where it `suits`; with the bias (filters,) added."""
    x = mode.in_order(x)  # its rows are met through strides worked out here
    n, (kw, channels, filters) = len(x), weight.shape[1:]
    plan = Plan.of(form, x.shape[1:3], kw, pads)
    y = mode.new((n, *plan.out, filters), x.dtype)
    shift = None if bias is None else line(bias, y, mode)
    kernels = mode.settled((form.read, *weight.shape[1:]), x.dtype, _transform, form, weight)
    kernels = kernels.reshape(form.read, 1, 1, kw * channels, filters)
    for block, (given, made) in blocks(plan, n, (channels, filters), x.dtype, mode):
        given.lay(form.input, block.strips(x, plan.top, form.read), plan.left, x.shape[2])
        mode.do(np.matmul, given.windows(plan.gap), kernels, out=made.places())
        grid, outputs = made.grid(0, plan.out[1]), form.output.astype(x.dtype)
        for strip, rows, tiles in block.strips(y, 0, form.step):
            mode.do(np.matmul, outputs[rows], grid[:, tiles], out=strip)
            if shift is not None:
                mode.do(np.add, strip, shift, out=strip)
    return y


def scatter(dy: Array, weight: Array, *, pads: Pads, size: Size, mode: Mode) -> Array:
    """What `patches.scatter` gives: each of the steps of `correlate` transposed, from the last."""
    plan = Plan.of(FOUR, size, weight.shape[1], pads)
    return _scattered(plan, dy, _turned(weight, mode), mode)


def answer_to(change: Array, weight: Array, *, mode: Mode) -> Array:
    """By how much the outputs move where a region (n, rows, cols, channels) moves by `change`, and
    nothing around it: (n, rows + 2, cols + kw − 1, filters), from the first that reads the region.

    All that a region reaches is larger than the region: it is scattered, not gathered, so that no
    product meets the zeros around it.
    """
    rows, cols = change.shape[1:3]
    kw, channels, filters = weight.shape[1:]
    form = _least(rows)
    plan = Plan.of(form, (rows + 2, cols + kw - 1), kw, ((0, 0), (0, 0)))
    kernels = mode.settled((form.read, kw, channels, filters), weight.dtype, _mirror, form, weight)
    kernels = kernels.reshape(form.read, 1, 1, kw * channels, filters)
    return _scattered(plan, change, kernels, mode)


def share(rows: int, cols: int, kw: int) -> float:
    """The products of `answer_to` over those of `correlate` for all that a region reaches."""
    form = _least(rows)
    moved = form.read * -(-rows // form.step) * (cols + kw - 1)
    return moved / (FOUR.read * -(-(rows + 2) // FOUR.step) * (cols + 2 * kw - 2))


def _least(rows: int) -> Form:
    """The form with the fewest products for so many rows that move."""
    return min((FOUR, SIX), key=lambda form: form.read * -(-rows // form.step))


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
    to_inputs = _ToInputs(plan, _turned(weight, mode), len(x), dy.dtype, mode)
    to_kernels = _ToKernels(plan, x, dy.shape[3], mode)
    for block, back, cells in _answers(plan, dy, x.shape[3], mode):
        to_inputs.add(block, back, cells)
        to_kernels.add(block, back, cells)
    return to_inputs.dx, to_kernels.gradient()


def _answers(
    plan: Plan, dy: Array, channels: int, mode: Mode
) -> Iterator[tuple[Block, Cells, Cells]]:
    """Block by block: what comes back, transformed, and cells for what has gone in."""
    dy, form = mode.in_order(dy), plan.form
    for block, (inside, back) in blocks(plan, len(dy), (channels, dy.shape[3]), dy.dtype, mode):
        back.lay(form.output.T, block.strips(dy, 0, form.step), 0, dy.shape[2])
        yield block, back, inside


def _scattered(plan: Plan, dy: Array, kernels: Array, mode: Mode) -> Array:
    """All that dy reaches through kernels as `_ToInputs` has them."""
    to_inputs = _ToInputs(plan, kernels, len(dy), dy.dtype, mode)
    for block, back, made in _answers(plan, dy, kernels.shape[4], mode):
        to_inputs.add(block, back, made)
    return to_inputs.dx


class _ToInputs:
    """The way back to the inputs, dx (n, *size, channels).

    A tile gives to two rows more than it has. Its last rows begin where the tile before it ended,
    so they are written; its first two lie over that one's last, so they are added. A tile alone is
    written at once.

    kernels: (read, 1, 1, kw · channels of what comes back, channels).
    """

    def __init__(self, plan: Plan, kernels: Array, n: int, dtype: np.dtype, mode: Mode) -> None:
        self.plan, self.kernels, (rows, cols) = plan, kernels, plan.size
        self.dx = mode.new((n, rows, cols, kernels.shape[4]), dtype)
        self.do, self.room = mode.do, Room(mode, dtype)
        self.first = 2 if plan.tiles > 1 else 0  # of a tile's rows, the first that are written
        if above := max(0, self.first - plan.top):  # the first tile's last rows
            self.do(np.copyto, self.dx[:, :above], 0)

    def add(self, block: Block, back: Cells, made: Cells) -> None:
        """Add what a block gives; `made` is overwritten."""
        self.do(np.matmul, back.windows(0), self.kernels, out=made.places())
        dx, plan, form = self.dx, self.plan, self.plan.form
        grid, matrix = made.grid(plan.left, dx.shape[2]), form.input.T.astype(dx.dtype)
        first = self.first
        for strip, rows, tiles in block.strips(dx, plan.top - first, form.read - first):
            self.do(np.matmul, matrix[first:][rows], grid[:, tiles], out=strip)
        for strip, rows, tiles in block.strips(dx, plan.top, first) if first else ():
            shares = self.room.of(strip.shape)
            self.do(np.matmul, matrix[:2][rows], grid[:, tiles], out=shares)
            self.do(np.add, strip, shares, out=strip)


class _ToKernels:
    """The way to the gradient of the kernels (3, kw, channels, filters)."""

    def __init__(self, plan: Plan, x: Array, filters: int, mode: Mode) -> None:
        self.plan, self.x, self.do = plan, mode.in_order(x), mode.do
        self.shape = (3, plan.kw, x.shape[3], filters)
        size = (FOUR.read, plan.kw * x.shape[3], filters)
        self.total, self.share = (mode.temp(size, x.dtype) for _ in range(2))
        self.do(np.copyto, self.total, 0)
        self.room = Room(mode, x.dtype)

    def add(self, block: Block, back: Cells, given: Cells) -> None:
        """Add a block's share; `given` is overwritten."""
        plan = self.plan
        given.lay(FOUR.input, block.strips(self.x, plan.top, FOUR.read), plan.left, plan.size[1])
        windows, places = given.windows(plan.gap).swapaxes(3, 4), back.places()
        products = self.room.of((*windows.shape[:4], places.shape[4]))
        self.do(np.matmul, windows, places, out=products)
        self.do(np.add.reduce, products, axis=(1, 2), out=self.share)
        self.do(np.add, self.total, self.share, out=self.total)

    def gradient(self) -> Array:
        """The gradient, from that of the six products."""
        made, matrix = np.empty(self.shape, self.total.dtype), FOUR.kernel.T
        total = self.total.reshape(FOUR.read, -1)
        self.do(np.matmul, matrix.astype(total.dtype), total, out=made.reshape(3, -1))
        return made


def _turned(weight: Array, mode: Mode) -> Array:
    """The kernels of the way back: what a cell gets comes from the kw places before it."""
    kw, channels, filters = weight.shape[1:]
    turned = mode.settled((FOUR.read, kw, filters, channels), weight.dtype, _turn, FOUR, weight)
    return turned.reshape(FOUR.read, 1, 1, kw * filters, channels)


def _transform(form: Form, weight: Array, *, out: Array) -> None:
    """G w: (read, kw, channels, filters)."""
    matrix = form.kernel.astype(weight.dtype)
    np.matmul(matrix, weight.reshape(3, -1), out=out.reshape(form.read, -1))


def _mirror(form: Form, weight: Array, *, out: Array) -> None:
    """G w with rows reversed: (read, kw, channels, filters)."""
    _transform(form, weight[::-1], out=out)


def _turn(form: Form, weight: Array, *, out: Array) -> None:
    """G w with columns reversed, and filters before channels: (read, kw, filters, channels)."""
    _transform(form, weight[:, ::-1].swapaxes(2, 3), out=out)
