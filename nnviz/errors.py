"""The errors that a user can meet.

Everything nnviz raises at a user is an `NnvizError`. A message says what is wrong, what was
expected, what was got and what to do, in the caller's words and on one line, because the command
line prints exactly that line and nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NnvizError(Exception):
    """Base of all errors that nnviz raises on purpose."""


class ArgumentError(NnvizError, ValueError):
    """Something the caller gave cannot be used: a shape, a name, a number, an option."""


class FileError(NnvizError):
    """A file or folder is missing, damaged, of another kind, or cannot be written."""


def listing(names: Iterable[object], limit: int = 12) -> str:
    """The names in a row, cut after `limit` of them, for the tail of a message."""
    every = [str(name) for name in names]
    shown = ", ".join(every[:limit])
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown


def readable(words: str) -> str:
    """Text from a file or a name, its unprintable signs, which could move a cursor, as U+FFFD."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in words)


def unknown(kind: str, name: object, known: Iterable[object], owner: str) -> ArgumentError:
    """The error for a name that is missing: `no node named 'conv9'; this model has conv2d_1, …`."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return ArgumentError(f"no {kind} named {str(name)!r}{hint}; {owner} has {listing(names)}")
