"""What a caller gave as a model: checked once, at the door of every function that takes one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..errors import ArgumentError
from .model import Model

F = TypeVar("F", bound=Callable[..., Any])


def of_model(function: F) -> F:
    """The function with an `ArgumentError` where something else stands for a parameter that is
    annotated as a `Model`."""
    taken = inspect.signature(function).parameters.values()
    wanted = [(i, p.name) for i, p in enumerate(taken) if p.annotation in ("Model", Model)]

    @functools.wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        for i, name in wanted:
            given = (*args[i : i + 1], *(options[n] for n in (name,) if n in options))
            for one in given:
                if not isinstance(one, Model):
                    what = "None" if one is None else f"a {type(one).__name__}"
                    raise ArgumentError(
                        f"{function.__name__} needs a model, as nv.load, nv.from_onnx and "
                        f"nv.Sequential give one, got {what}"
                    )
        return function(*args, **options)

    return cast(F, checked)
