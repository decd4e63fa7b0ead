"""The cache: what a report has computed, kept beside the gallery until something changes.

One file for each entry, named by a hash of all that its value depends on: the model, the pictures,
the seed, the options that it reads, the language, and the program itself. It may be deleted at any
time; an entry that is damaged, or is not what it claims to be, is computed again. Entries are
written as soon as they are there, so that an interrupted report goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..errors import NnvizError
from ..files import npz_bytes, read_npz, write_bytes
from .plain import pack, unpack

FOLDER = ".nnviz-cache"
"""Inside the gallery's folder."""
IGNORED = "# Made by nnviz; may be deleted.\n*\n"
LIBRARIES = ("numpy", "scipy", "matplotlib", "pillow", "jinja2", "scikit-image")
"""What changes numbers or pictures besides our own program."""
MOST = 100
"""How many entries of other options stay: whoever tries `--pick` after `--pick` goes back and
forth."""
ABANDONED = 3600
"""From how many seconds on a file that was never finished is nobody's."""
WAITING = 0.2
"""How long a thread waits for another one's work before it looks whether to stop."""


def digest(*parts: Any) -> str:
    """A sha256 over plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def digest_of(data: Dataset) -> str:
    """A sha256 over all of a data set: pictures, labels, names, masks."""
    told = hashlib.sha256()
    for array in (data.x, data.y, data.masks, data.decoys):
        if array is None:
            told.update(b"none")
            continue
        told.update(f"{array.dtype.str}{array.shape}".encode())
        told.update(np.ascontiguousarray(array).data)
    names = (data.classes, data.name, data.source, data.files)
    told.update(digest(*(None if part is None else str(part) for part in names)).encode())
    return told.hexdigest()


@lru_cache(maxsize=1)
def program() -> str:
    """A sha256 over the program: its source, and the versions of what it draws and counts with."""
    home = Path(__file__).parent.parent
    told = hashlib.sha256()
    for path in sorted(home.rglob("*")):
        if path.suffix in (".py", ".html", ".css", ".js"):
            told.update(str(path.relative_to(home)).encode() + path.read_bytes())
    return digest(told.hexdigest(), platform.python_version(), *map(_version, LIBRARIES))


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


class Stopped(Exception):
    """The report was given up while this thread was at work."""


@dataclass
class _Kept:
    """One value while the report is made: who makes it holds the lock."""

    lock: Any = field(default_factory=threading.Lock)
    value: Any = None
    error: NnvizError | None = None
    there: bool = False


class Cache:
    """Values by name, each made once: by several threads at once, and from run to run.

    folder: where entries are kept; None keeps them in memory alone. base: what every value depends
    on, as a hash. options: what only some depend on, by name. `made` lists what was computed, as
    against read.
    """

    def __init__(
        self, folder: Path | None = None, base: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        self.folder, self.base, self.options = folder, base, dict(options or {})
        self.made: list[str] = []
        self.stopped = False
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._used: set[str] = set()  # names of files

    def once(
        self, name: str, make: Callable[[], Any], hint: Any = Any, reads: Iterable[str] = ()
    ) -> Any:
        """The value of this name: as it was made before, as it was kept, or made now.

        hint: its type, which a kept value must have. reads: the options that it depends on. Where
        making it failed, everybody who asks gets the same error.
        """
        with self._lock:
            entry = self._kept.setdefault(name, _Kept())
        while not entry.lock.acquire(timeout=WAITING):
            self._go_on()
        try:
            self._go_on()
            if not entry.there:
                entry.value, entry.error = self._found(name, make, hint, reads)
                entry.there = True
        finally:
            entry.lock.release()
        if entry.error is not None:
            raise entry.error
        return entry.value

    def _go_on(self) -> None:
        if self.stopped:
            raise Stopped

    def _found(
        self, name: str, make: Callable[[], Any], hint: Any, reads: Iterable[str]
    ) -> tuple[Any, NnvizError | None]:
        key = digest(self.base, name, {option: self.options.get(option) for option in reads})
        file = f"{self.base[:16]}-{key}.npz"
        if self.folder is not None:
            found = self._read(self.folder / file, hint)
            if found is not None:
                self._used.add(file)
                return found[0], None
        try:
            value = make()
        except NnvizError as error:
            self.made.append(name)
            return None, error  # not kept: what was missing may have been a library
        self.made.append(name)
        if self.folder is None:
            return value, None
        # What was kept is what is used, so that the bytes do not depend on which it was.
        arrays = pack(value)
        self._write(file, arrays)
        self._used.add(file)
        return unpack({part: array.copy() for part, array in arrays.items()}, hint), None

    @staticmethod
    def _read(path: Path, hint: Any) -> tuple[Any] | None:
        """An entry's value in a tuple; None where there is none that can be used."""
        try:
            return (unpack(read_npz(path, "entry"), hint),)
        except (NnvizError, ValueError):
            return None

    def _write(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Keep an entry; a full disk only costs the time that it would have saved."""
        assert self.folder is not None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                write_bytes(ignore, IGNORED.encode())
            write_bytes(self.folder / name, npz_bytes(arrays, compress=False))
        except (NnvizError, OSError):
            return

    # The gallery as a whole -----------------------------------------------------------------------

    def is_whole(self, key: str, gallery: Path) -> bool:
        """Whether the gallery was written under this key, and no file of it has changed since."""
        if self.folder is None:
            return False
        found = self._read(self.folder / "gallery.npz", dict[str, Any])
        page = found[0] if found else {}
        files = page.get("files")
        if page.get("key") != key or not isinstance(files, dict) or not files:
            return False
        return all(_hash(gallery, name) == told for name, told in files.items())

    def files(self) -> list[str]:
        """The files of the gallery when it was last whole, in the order they were written."""
        found = self.folder and self._read(self.folder / "gallery.npz", dict[str, Any])
        return list(found[0]["files"]) if found else []

    def close(self, key: str | None, files: Mapping[str, bytes]) -> None:
        """Note what the gallery holds (key None: it is not to be trusted), and remove what belongs
        to no figure of it."""
        if self.folder is None or not self.folder.is_dir():
            return
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        if key is not None:
            self._write("gallery.npz", pack({"key": key, "files": hashes}))
        mine = f"{self.base[:16]}-"
        others = [path for path in self.folder.glob(f"{mine}*.npz") if path.name not in self._used]
        others.sort(key=_written, reverse=True)
        stay = self._used | {path.name for path in others[:MOST]}
        for path in self.folder.iterdir():
            if _is_stale(path, stay):
                path.unlink(missing_ok=True)


def _hash(folder: Path, name: Any) -> str | None:
    """The hash of a file of the gallery; None where there is no such file."""
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9-]+\.[a-z]+", name):
        return None
    try:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    except OSError:
        return None


def _written(path: Path) -> float:
    """When a file was written; long ago where it has gone meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_stale(path: Path, stay: set[str]) -> bool:
    """Whether a file of the cache is an entry that is not to stay, or was never finished."""
    if re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{64}\.npz", path.name):
        return path.name not in stay
    never = re.fullmatch(r"\..+\.[a-z0-9_]{8}", path.name)
    return bool(never) and time.time() - _written(path) > ABANDONED
