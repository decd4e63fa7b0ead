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

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .layer import Mode
from .lines import spread
from .window import Pads, Size

Array = np.ndarray
SMALL = 1_000_000
"""Multiply-adds of one product that the linear algebra library still does without packing its
factors anew; blocks are cut so that they stay below."""
CHANNELS = 8
"""With fewer channels on either side the transforms cost more than they save."""

WIDE = 1 << 14
"""With more channels · filters than this a single row of tiles is beyond `SMALL`, and products of a
few rows each are slow: 256 channels on 10×10 patches took 1.7 times as long as patch matrices."""

WORTH = 0.75
"""Tiles that stick out and gaps cost: the products must be below this share of the plain ones."""


class Form(NamedTuple):
    """A tile, `step` rows of outputs from `read` rows of inputs, and how it is computed.

    input: Bᵀ (read, read). kernel: G (read, 3). output: Aᵀ (step, read).
    units: so many products of one size (see `SMALL`) are made by one call: with fewer the threads
        wait for each other's Python, with more they leave the second-level cache.
    """

    input: Array
    kernel: Array
    output: Array
    units: int

    @property
    def step(self) -> int:
        return len(self.output)

    @property
    def read(self) -> int:
        return len(self.input)


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
    form: Form = FOUR,
) -> bool:
    """Whether a convolution of this kind, of pictures of this size, is quicker in this way.

    weight: the shape (kh, kw, channels, filters). Depends on the shapes alone.
    """
    kh, kw, channels, filters = weight
    if (kh, stride, dilation, groups) != (3, (1, 1), (1, 1), 1):
        return False
    plan = _Plan.of(form, size, kw, pads)
    products, plain = form.read * plan.tiles * plan.length, 3 * plan.out[0] * plan.out[1]
    fits = min(channels, filters) >= CHANNELS and channels * filters <= WIDE
    return fits and products <= WORTH * plain


def correlate(
    x: Array, weight: Array, *, pads: Pads, mode: Mode, form: Form = FOUR, bias: Array | None = None
) -> Array:
    """What `patches.correlate` gives, where it `suits`; with the bias (filters,) added."""
    x = np.ascontiguousarray(x)  # its rows are met through strides worked out here
    n, (kw, channels, filters) = len(x), weight.shape[1:]
    plan = _Plan.of(form, x.shape[1:3], kw, pads)
    y = mode.new((n, *plan.out, filters), x.dtype)
    shift = None if bias is None else spread(bias, y)
    kernels = _transformed(form, weight).reshape(form.read, 1, 1, kw * channels, filters)
    for block, (given, made) in _blocks(plan, n, (channels, filters), x.dtype, mode):
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
    kw, channels, filters = weight.shape[1:]
    # What a cell gets comes from the kw places before it: the kernels lie turned.
    turned = _transformed(FOUR, weight)[:, ::-1].swapaxes(2, 3)
    kernels = turned.reshape(FOUR.read, 1, 1, kw * filters, channels)
    return _scattered(dy, kernels, _Plan.of(FOUR, size, kw, pads), size, mode)


def answer_to(change: Array, weight: Array, *, mode: Mode) -> Array:
    """By how much the outputs move where a region (n, rows, cols, channels) moves by `change`, and
    nothing around it: (n, rows + 2, cols + kw − 1, filters), from the first that reads the region.

    All that a region reaches is larger than the region: it is scattered, not gathered, so that no
    product meets the zeros around it.
    """
    kw, channels, filters = weight.shape[1:]
    size = (change.shape[1] + 2, change.shape[2] + kw - 1)
    form = _least(change.shape[1])
    kernels = _transformed(form, weight[::-1]).reshape(form.read, 1, 1, kw * channels, filters)
    plan = _Plan.of(form, size, kw, ((0, 0), (0, 0)))
    return _scattered(change, kernels, plan, size, mode)


def _least(rows: int) -> Form:
    """The form with the fewest products for so many rows that move."""
    return min((FOUR, SIX), key=lambda form: form.read * -(-rows // form.step))


def share(rows: int, cols: int, kw: int) -> float:
    """The products of `answer_to` over those of `correlate` for all that a region reaches."""
    form = _least(rows)
    moved = form.read * -(-rows // form.step) * (cols + kw - 1)
    return moved / (FOUR.read * -(-(rows + 2) // FOUR.step) * (cols + 2 * kw - 2))


def _scattered(dy: Array, kernels: Array, plan: _Plan, size: Size, mode: Mode) -> Array:
    """`correlate`'s steps transposed, from the last; kernels: (read, 1, 1, kw · from, to)."""
    dy, form = np.ascontiguousarray(dy), plan.form
    n, channels = len(dy), kernels.shape[-1]
    dx = mode.new((n, *size, channels), dy.dtype)
    if plan.tiles > 1:
        dx[...] = 0
    for block, (made, given) in _blocks(plan, n, (channels, dy.shape[3]), dy.dtype, mode):
        given.lay(form.output.T, block.strips(dy, 0, form.step), 0, dy.shape[2])
        np.matmul(given.windows(0), kernels, out=made.places())
        grid, inputs = made.grid(plan.left, size[1]), form.input.T.astype(dy.dtype)
        for strip, rows, tiles in block.strips(dx, plan.top, form.read):
            if plan.tiles == 1:
                np.matmul(inputs[rows], grid[:, tiles], out=strip)
                continue
            shares = inputs[rows] @ grid[:, tiles]
            for i in range(2):  # neighbours overlap, every other tile does not
                strip[:, i::2] += shares[:, i::2]
    return dx


def kernel_gradient(x: Array, dy: Array, *, kernel: Size, pads: Pads, mode: Mode) -> Array:
    """What `patches.kernel_gradient` gives: the gradient of the six products, transformed back."""
    channels, filters = x.shape[3], dy.shape[3]
    plan = _Plan.of(FOUR, x.shape[1:3], kernel[1], pads)
    total = np.zeros((FOUR.read, kernel[1] * channels, filters), dy.dtype)
    for block, (given, back) in _blocks(plan, len(x), (channels, filters), dy.dtype, mode):
        given.lay(FOUR.input, block.strips(x, plan.top, FOUR.read), plan.left, x.shape[2])
        back.lay(FOUR.output.T, block.strips(dy, 0, FOUR.step), 0, dy.shape[2])
        windows, places = given.windows(plan.gap).swapaxes(3, 4), back.places()
        for j in range(kernel[1]):  # their products are larger than what they are made of
            total += np.matmul(windows[:, :, j], places[:, :, j]).sum(axis=1)
    flat = FOUR.kernel.T.astype(dy.dtype) @ total.reshape(FOUR.read, -1)
    return flat.reshape(*kernel, channels, filters)


def _transformed(form: Form, weight: Array) -> Array:
    """G w: (read, kw, channels, filters)."""
    flat = form.kernel.astype(weight.dtype) @ weight.reshape(3, -1)
    return flat.reshape(form.read, *weight.shape[1:])


class _Plan(NamedTuple):
    """Where things lie.

    length: the cells of a row with its gap. The zeros behind a row are at once those before the
    next, so one gap is as wide as the wider of the two.
    gap: the zeros that stand before the first row and behind the last.
    """

    form: Form
    out: Size
    kw: int
    gap: int
    top: int
    left: int
    tiles: int
    length: int

    @staticmethod
    def of(form: Form, size: Size, kw: int, pads: Pads) -> _Plan:
        (top, bottom), (left, right) = pads
        out = (size[0] + top + bottom - 2, size[1] + left + right - kw + 1)
        need = max(size[1] + max(left, right), out[1])
        return _Plan(form, out, kw, kw - 1, top, left, -(-out[0] // form.step), need)


class _Block(NamedTuple):
    """Pictures and tiles that are done at once; `unit` tiles of them go into one product."""

    pictures: slice
    tiles: slice
    unit: int
    step: int

    def rows(self, plan: _Plan) -> tuple[int, int]:
        """How many products there are, and how many rows each of their matrices has."""
        tiles = self.shape[0] * self.shape[1]
        units = max(1, tiles // self.unit)
        return units, -(-tiles * plan.length // (units * plan.kw))

    @property
    def shape(self) -> tuple[int, int]:
        return self.pictures.stop - self.pictures.start, self.tiles.stop - self.tiles.start

    def strips(self, x: Array, above: int, high: int) -> Iterator[tuple[Array, slice, slice]]:
        """`(rows of x, which of a tile's rows, which of the block's tiles)`.

        Tile t has the `high` rows of x from step · t − above on, as far as x has them; tiles that
        have the same of their rows come together: (pictures, tiles, rows, cols · channels), a view.
        """
        rows, cols, channels = x.shape[1:]
        row = cols * channels * x.itemsize
        for first, tiles, start, stop in _spans(
            self.tiles.start, self.tiles.stop, self.step, above, high, rows
        ):
            shape = (self.shape[0], tiles, stop - start, cols * channels)
            begin = self.pictures.start * rows + first * self.step - above + start
            strides = (rows * row, self.step * row, row, x.itemsize)
            view: Array = np.ndarray(shape, x.dtype, x, begin * row, strides)
            at = first - self.tiles.start
            yield view, slice(start, stop), slice(at, at + tiles)


def _blocks(
    plan: _Plan, n: int, channels: tuple[int, int], dtype: np.dtype, mode: Mode
) -> Iterator[tuple[_Block, list[_Cells]]]:
    """The blocks of n pictures, with cells for what goes into the products and what comes out."""
    row = plan.length * channels[0] * channels[1]
    units, step = plan.form.units, plan.form.step
    if (of_picture := plan.tiles * row) <= SMALL:
        unit = _even(n, SMALL // of_picture)
        cuts = _cuts(n, unit, units)
        blocks = [_Block(cut, slice(0, plan.tiles), unit * plan.tiles, step) for cut in cuts]
    else:
        unit = _even(plan.tiles, SMALL // row)
        cuts = _cuts(plan.tiles, unit, units)
        blocks = [_Block(slice(i, i + 1), cut, unit, step) for i in range(n) for cut in cuts]
    most = max(math.prod(block.rows(plan)) for block in blocks) * plan.kw
    rooms = [mode.temp((plan.form.read * (most + 2 * plan.gap) * c,), dtype) for c in channels]
    for block in blocks:
        yield block, [_Cells(plan, block, *of) for of in zip(channels, rooms, strict=True)]


def _even(total: int, most: int) -> int:
    """How many of `total` things make a unit of at most `most`, so that all units are alike."""
    return -(-total // -(-total // max(1, most)))


def _cuts(total: int, unit: int, units: int) -> list[slice]:
    """Slices of `total` things in whole units, `units` at once; what is left over comes last."""
    whole = total - total % unit
    starts = [*range(0, whole, units * unit), *([whole] if whole < total else [])]
    return [slice(a, b) for a, b in itertools.pairwise([*starts, total])]


@functools.lru_cache(maxsize=4096)
def _spans(
    start: int, stop: int, step: int, above: int, high: int, size: int
) -> list[tuple[int, ...]]:
    """`(first tile, tiles, first row, end row)`: tiles with the same of their rows on the map."""
    tops = [tile * step - above for tile in range(start, stop)]
    on_map = [(min(high, max(0, -top)), max(0, min(high, size - top))) for top in tops]
    spans: list[tuple[int, ...]] = []
    for rows, same in itertools.groupby(range(stop - start), on_map.__getitem__):
        tiles = list(same)
        spans.append((start + tiles[0], len(tiles), *rows))
    return spans


class _Cells:
    """The rows of a block's tiles, `read` a tile, one after the other with their gaps.

    array: (read, gap + cells + gap, channels); cells: pictures · tiles · length, and so many more
    that all products are alike.
    """

    def __init__(self, plan: _Plan, block: _Block, channels: int, room: Array) -> None:
        self.plan, self.block, self.channels = plan, block, channels
        self.units, self.rows = block.rows(plan)
        self.cells = self.units * self.rows * plan.kw
        read = plan.form.read
        cells = read * (self.cells + 2 * plan.gap)
        self.array = room[: cells * channels].reshape(read, -1, channels)

    def windows(self, first: int) -> Array:
        """(read, units, kw, rows, kw · channels): the windows from the cell `first` on. Windows
        that follow each other overlap; every kw-th of them are a matrix."""
        return self._every(first, self.plan.kw)

    def places(self) -> Array:
        """(read, units, kw, rows, channels): the places, in the order of the windows."""
        return self._every(self.plan.gap, 1)

    def _every(self, first: int, cells: int) -> Array:
        kw, array = self.plan.kw, self.array
        shape = (self.plan.form.read, self.units, kw, self.rows, cells * self.channels)
        sa, sp, sc = array.strides
        strides = (sa, self.rows * kw * sp, sp, kw * sp, sc)
        return np.ndarray(shape, array.dtype, array, first * sp, strides)

    def grid(self, start: int, width: int) -> Array:
        """(pictures, tiles, read, width · channels): `width` cells of each row from `start` on."""
        array, (pictures, tiles) = self.array, self.block.shape
        sa, sp, sc = array.strides
        row = self.plan.length * sp
        shape = (pictures, tiles, self.plan.form.read, width * self.channels)
        strides = (tiles * row, row, sa, sc)
        return np.ndarray(shape, array.dtype, array, (self.plan.gap + start) * sp, strides)

    def lay(
        self,
        matrix: Array,
        strips: Iterator[tuple[Array, slice, slice]],
        left: int,
        cols: int,
    ) -> None:
        """The matrix (read, rows of a tile) times each tile's rows, `left` cells from the begin."""
        plan, matrix = self.plan, matrix.astype(self.array.dtype)
        self.array[:, : plan.gap] = 0
        self.array[:, plan.gap + math.prod(self.block.shape) * plan.length :] = 0
        if left:
            self.grid(0, left)[...] = 0
        if behind := plan.length - left - cols:
            self.grid(left + cols, behind)[...] = 0
        target = self.grid(left, cols)
        for strip, rows, tiles in strips:
            np.matmul(matrix[:, rows], strip, out=target[:, tiles])
