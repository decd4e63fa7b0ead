"""The methods as data: a function becomes one by saying what it is.

    @method("cam", reference="Selvaraju et al. 2017, arXiv:1610.02391", cost="1 f + 1 b")
    def grad_cam(model, x, target=None, *, node=None): ...

The decorator enters the function in `METHODS`, from where `explain`, the command line, the table
in the documentation and the battery of tests read. What the function computes it leaves alone: it
holds BLAS to one thread meanwhile, whose own would go on spinning beside ours after each product.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from ...engine.boundary import of_model
from ...engine.executor import one_blas_thread
from ...errors import ArgumentError, listing
from ..results import Attribution
from .checks import choice

FAMILIES = ("gradient", "path", "rule", "cam", "layer", "perturbation")
"""gradient: the slope, at the picture or near it. path: slopes added up along a way from a
baseline. rule: a backward pass with other rules. cam: a weighted sum of a node's channels. layer:
what a node's output does for the target. perturbation: the picture is changed and run again."""

F = TypeVar("F", bound=Callable[..., Attribution])


@dataclass(frozen=True)
class Method:
    """An attribution method as data.

    name: what `explain` knows it by (results keep the function's own name). family: one of
    `FAMILIES`. reference: author, year, arXiv id or place. signed: whether values below zero mean
    evidence against the target. slope: whether the values are slopes, whose sign says which way to
    change a pixel and not whether it speaks for the target. stochastic: whether it draws random
    numbers as it is called by default. gradients: whether it needs a backward pass. targeted:
    whether the map depends on the target; where it does not, every result says so. needs: what the
    model must have, in words ("" where any model for pictures will do). cost: forward (f) and
    backward (b) passes for each picture.
    """

    name: str
    family: str
    reference: str
    signed: bool
    stochastic: bool
    gradients: bool
    targeted: bool
    needs: str
    cost: str
    slope: bool
    function: Callable[..., Attribution]

    @property
    def options(self) -> list[str]:
        """What may be passed on besides model, pictures and target."""
        taken = inspect.signature(self.function).parameters
        return [name for name in taken if name not in ("model", "x", "target")]

    @property
    def defaults(self) -> dict[str, Any]:
        """The options with what they are when nothing is said."""
        taken = inspect.signature(self.function).parameters
        return {name: taken[name].default for name in self.options}


METHODS: dict[str, Method] = {}
"""Name -> method; one that has several names stands under each."""


def method_with(name: Any, options: Iterable[str] = ()) -> Method:
    """The method of this name; an error where there is none, or it has not got these options."""
    found = METHODS[choice(name, "method", "nnviz", METHODS)]
    known = found.options
    for option in options:
        if option not in known:
            raise ArgumentError(
                f"{name} has no option {option!r}; it has {listing(known) or 'none'}"
            )
    return found


def options_of(name: Any, options: Any, owner: str) -> dict[str, Any]:
    """Options {name: value} for this method, checked; none where `options` is None."""
    if not isinstance(options, Mapping | None):
        raise ArgumentError(
            f"options of {owner} must be a dict such as {{'steps': 10}}, got {options!r}"
        )
    chosen = dict(options or {})
    method_with(name, chosen)
    return chosen


def names_of(methods: Any, owner: str) -> tuple[str, ...]:
    """Methods given by name, each once."""
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        kind = type(methods).__name__
        example = methods if isinstance(methods, str) else "lrp"
        raise ArgumentError(
            f"methods of {owner} must be a list of names such as [{example!r}], got a {kind}"
        )
    names = tuple(dict.fromkeys(choice(name, "method", "nnviz", METHODS) for name in methods))
    if not names:
        raise ArgumentError(f"methods of {owner} names none; leave it out for the usual ones")
    return names


def method(
    family: str,
    *,
    reference: str,
    cost: str,
    signed: bool = False,
    stochastic: bool = True,
    targeted: bool = True,
    slope: bool = False,
    needs: str = "",
    also: Sequence[str] = (),
) -> Callable[[F], F]:
    """Enter a function `(model, x, target=None, *, …)` in `METHODS` under its own name, and under
    the others in `also` by which the field knows it."""

    def enter(function: F) -> F:
        checked = of_model(function)

        @functools.wraps(function)
        def held(*args: Any, **options: Any) -> Attribution:
            with one_blas_thread:
                return checked(*args, **options)

        entry = Method(
            name=function.__name__,
            family=family,
            reference=reference,
            signed=signed,
            stochastic=stochastic and "seed" in inspect.signature(function).parameters,
            gradients=bool(re.search(r"\bb\b", cost)),
            targeted=targeted,
            needs=needs,
            cost=cost,
            slope=slope,
            function=held,
        )
        for name in (entry.name, *also):
            METHODS[name] = replace(entry, name=name)
        return cast(F, held)

    return enter
