"""Class names from a file, in the order of a network's outputs."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from ..errors import FileError
from ..files import reason

MAX_BYTES = 1 << 24
WORDNET = re.compile(r"n[0-9]{8}")
"""How ImageNet's lists number their classes."""


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """The names in a file: one a line, or JSON.

    A line may begin with the class's number and with its WordNet id (`0 n01440764 tench`), parted
    by tabs, commas, colons or blanks; both are left out where every line has them. JSON is a list
    of names, or an object of numbers with names, or with `[id, name]` (Keras's
    `imagenet_class_index.json`). Names that stand there more than once get their class's number
    behind them, so that each means one class.

    Raises `FileError` where the file is missing, no text, larger than 16 MB, or empty.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FileError(f"{path} is larger than {MAX_BYTES:,} bytes: it is no list of names")
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileError(f"cannot read the class names {path}: {reason(error)}") from None
    except ValueError:
        raise FileError(f"{path} is no text in UTF-8: expected one class name a line") from None
    names = _from_json(path, text) if text.lstrip()[:1] in ("[", "{") else _from_lines(text)
    if not names:
        raise FileError(f"{path} has no class names: expected one a line")
    counts = Counter(names)
    return tuple(name if counts[name] == 1 else f"{name} ({i})" for i, name in enumerate(names))


def _from_lines(text: str) -> list[str]:
    names = [line.strip() for line in text.splitlines()]
    while names and not names[-1]:
        names.pop()
    split = [re.split(r"[\t,:; ]+", name, maxsplit=1) for name in names]
    if len(names) > 1 and all(len(p) == 2 and p[0] == str(i) for i, p in enumerate(split)):
        names = [rest for _, rest in split]
        split = [re.split(r"[\t,:; ]+", name, maxsplit=1) for name in names]
    if names and all(len(p) == 2 and WORDNET.fullmatch(p[0]) for p in split):
        names = [rest for _, rest in split]
    return [name.strip() for name in names]


def _from_json(path: Path, text: str) -> list[str]:
    try:
        told = json.loads(text)
        if isinstance(told, dict):
            told = [told[str(i)] for i in range(len(told))]
        return [_name(entry) for entry in told]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FileError(
            f"{path} is no list of class names: expected a list, or an object with the numbers "
            "0, 1, … as keys"
        ) from None


def _name(entry: Any) -> str:
    """A name, or the last of an id and a name."""
    last = entry[-1] if isinstance(entry, list) and entry else entry
    if not isinstance(last, str):
        raise TypeError
    return last
