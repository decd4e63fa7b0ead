"""Numbers that count what is done with them."""

from __future__ import annotations

from collections import Counter

import numpy as np


class Counted:
    """A number that counts the operations it takes part in."""

    tally: Counter[str] = Counter()

    def __init__(self, value, learnt=False):
        self.value, self.learnt = float(value), learnt

    def _with(self, other, result):
        Counted.tally["flops"] += 1
        return Counted(result)

    def __add__(self, other):
        return self._with(other, self.value + number(other))

    def __sub__(self, other):
        return self._with(other, self.value - number(other))

    def __mul__(self, other):
        Counted.tally["mult_adds"] += self.learnt or getattr(other, "learnt", False)
        return self._with(other, self.value * number(other))

    def __truediv__(self, other):
        return self._with(other, self.value / number(other))

    def larger(self, other):
        return self._with(other, max(self.value, number(other)))

    def apply(self, f):
        return self._with(None, f(self.value))


def number(value):
    return value.value if isinstance(value, Counted) else value


def counted(array, learnt=False):
    """An array of counting numbers."""
    out = np.empty(array.shape, object)
    for place in np.ndindex(array.shape):
        out[place] = Counted(array[place], learnt)
    return out


def plain(array):
    return np.vectorize(number, otypes=[float])(array)


def total(values):
    """A sum that begins at zero, one addition each."""
    result = Counted(0)
    for value in values:
        result = result + value
    return result


def each(x, f):
    """f(value, channel) at every place."""
    y = np.empty(x.shape, object)
    for place in np.ndindex(x.shape):
        y[place] = f(x[place], place[-1])
    return y
