"""A file's bytes, unzipped on the way where it is gzipped: found by looking, not by its name."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from ..errors import FileError
from ..files import reason


@contextmanager
def unzipped(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for reading bytes; damage that shows while it is read is a `FileError`."""
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            yield cast(IO[bytes], file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None


def head(path: Path, count: int = 64) -> bytes:
    """The first bytes, unzipped; nothing where the file is damaged (its reader will say so)."""
    try:
        with unzipped(path) as file:
            return file.read(count)
    except FileError:
        return b""
