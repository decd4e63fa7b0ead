"""Checkpoints: the whole state of a training in one file.

It is a model file with more in it: the optimizer's slots and step, the history, and what the run
must have in common with the one that resumes it. Shuffling and random masks need nothing more than
seed, epoch and step, so the resumed run ends with the very bits of the uninterrupted one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.layer import Array
from ..engine.model import Model
from ..errors import ArgumentError, FileError
from ..formats.npz import load_state, save_state
from .history import History

if TYPE_CHECKING:
    from .trainer import Training


def write(training: Training, path: str | Path) -> None:
    """Write the training's state, atomically."""
    state = {
        "settings": training.settings(),
        "data": training.data_hash(),
        "step": training.step,
        "optimizer_steps": training.optimizer.steps,
        "history": training.history.as_rows(),
    }
    save_state(training.model, path, state, training.optimizer.slots)


def restore(training: Training, path: str | Path) -> None:
    """Bring a fresh training to the state in a checkpoint.

    `ArgumentError` where the checkpoint is of another model, other settings or other pictures.
    """
    model, state, slots = load_state(path)
    try:
        _compare(training, model, state, path)
        history = History.from_rows(state["history"])
        step, steps = _count(state["step"]), _count(state["optimizer_steps"])
        _check_slots(training, slots)
    except ArgumentError:
        raise
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise FileError(f"{path} is damaged: {type(error).__name__} {error}") from None
    training.history, training.step, training.optimizer.steps = history, step, steps
    training.optimizer.slots = slots
    training.model.made = model.made
    for mine, theirs in zip(training.model.nodes, model.nodes, strict=True):
        for kind in ("params", "buffers"):
            store = getattr(mine.layer, kind)
            for name, array in getattr(theirs.layer, kind).items():
                store[name][...] = array  # in place: a rewritten model may share it


def _count(value: Any) -> int:
    """A whole number of steps."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number of steps")
    return value


def _check_slots(training: Training, slots: Mapping[str, Array]) -> None:
    """What the optimizer remembers belongs to parameters that there are, number for number."""
    params, names = training.model.parameters(), training.optimizer.slot_names
    wanted = {f"{key}:{name}": array for key, array in params.items() for name in names}
    for key, slot in slots.items():
        if key not in wanted:
            raise ValueError(f"it remembers {key!r}, which the optimizer does not have")
        if slot.shape != wanted[key].shape or slot.dtype != wanted[key].dtype:
            raise ValueError(f"{key} is {slot.dtype} of shape {slot.shape}")


def _plan(model: Model) -> str:
    """All that a model is besides its numbers, as text."""
    nodes = [
        (n.name, type(n.layer).__name__, n.layer.config(), n.inputs, n.layer.trainable)
        for n in model.nodes
    ]
    arrays = {key: (v.shape, str(v.dtype)) for key, v in model.parameters().items()}
    return json.dumps([nodes, arrays, model.homes, repr(model.input), model.head], default=str)


def _compare(training: Training, model: Model, state: Mapping[str, Any], path: str | Path) -> None:
    """An error that names the first difference between the checkpoint and this training."""
    if _plan(model) != _plan(training.model):
        raise ArgumentError(f"the checkpoint {path} is of another model: resume with the same one")
    for name, value in training.settings().items():
        if state["settings"][name] != value:
            raise ArgumentError(
                f"the checkpoint {path} was made with {name} {state['settings'][name]}, this "
                f"training has {value}: resume with the same settings"
            )
    if state["data"] != training.data_hash():
        raise ArgumentError(
            f"the checkpoint {path} was made with other pictures or labels: resume with the same"
        )
