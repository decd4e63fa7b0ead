"""Data sets by name into the cache: whole and checked, or not at all.

A file comes from the first mirror that sends it whole. Its size and sha256 are checked while it is
written to a temporary file, and only then does it take its place; so a download that breaks goes on
at the next mirror, and what is there already is not fetched again. The network is touched only when
a data set is asked for by name and is not there.
"""

from __future__ import annotations

import glob
import hashlib
import os
import sys
import tarfile
import time
import zlib
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from ..errors import FileError, unknown
from ..files import atomic, make_folder, reason
from . import cifar
from .catalogue import CATALOGUE, Entry, Published
from .unzip import unzipped

ENVIRONMENT = "NNVIZ_DATA"
TIMEOUT = 30
"""Seconds without a sign of life after which a mirror is given up."""
STALE = 3600
"""Seconds without a change after which a temporary file belongs to a process that was killed."""
PIECE = 1 << 18
TROUBLES = {
    "ConnectionError": "no connection, or it broke off",
    "ChunkedEncodingError": "it broke off",
    "ConnectTimeout": f"no answer in {TIMEOUT} s",
    "ReadTimeout": f"no answer in {TIMEOUT} s",
    "SSLError": "its certificate is not trusted",
    "ProxyError": "the proxy does not answer",
}


def cache() -> Path:
    """The cache's folder: NNVIZ_DATA where it is set, else the system's place for caches.

    A data set lies in the folder of its name inside.
    """
    given = os.environ.get(ENVIRONMENT)
    if given:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("nnviz"))


def is_cached(name: str) -> bool:
    """Whether all files of a data set are there; what is in them is checked when it is loaded."""
    folder = cache() / name
    return all(_lying(one, folder) for file in CATALOGUE[name].files for one in _wanted(file))


def fetch(name: str) -> Path:
    """The folder with a data set's files, all checked; those that are missing are downloaded.

    Raises `ArgumentError` for an unknown name; `FileError` where no mirror sends a file whole, and
    for a file in the cache that is not the published one, which is neither used nor replaced.
    """
    if name not in CATALOGUE:
        raise unknown("data set", name, CATALOGUE, "the catalogue")
    entry, folder = CATALOGUE[name], cache() / name
    for file in entry.files:
        missing = [one for one in _wanted(file) if not _is_there(one, folder)]
        if missing and not _is_there(file, folder):
            _download(file, entry, folder)
        if missing and file.members:
            _unpack(folder / file.name, missing, folder)
    return folder


def _wanted(file: Published) -> tuple[Published, ...]:
    return file.members or (file,)


def _lying(file: Published, folder: Path) -> Path | None:
    """Where a file lies, as published or unzipped: the copy that the readers take; or None."""
    home = cifar.home(folder)
    paths = (home / file.name.removesuffix(".gz"), home / file.name)
    return next((path for path in paths if path.is_file()), None)


def _is_there(file: Published, folder: Path) -> bool:
    path = _lying(file, folder)
    if path is None:
        return False
    try:
        with path.open("rb") as raw:
            known = _sum(raw) == file.sha256
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None
    if not known and file.content:
        with unzipped(path) as opened:
            known = _sum(opened) == file.content
    if not known:
        raise FileError(f"{path} is not the published file: remove it to have it fetched again")
    return True


def _sum(file: IO[bytes]) -> str:
    total = hashlib.sha256()
    while piece := file.read(PIECE):
        total.update(piece)
    return total.hexdigest()


def _download(file: Published, entry: Entry, folder: Path) -> None:
    make_folder(folder)
    _sweep(file, folder)
    failed = []
    for mirror in entry.mirrors:
        try:
            with atomic(folder / file.name) as out:
                _transfer(f"{mirror}{file.name}", _Checked(out, file))
            return
        except _Wrong as error:
            failed.append(f"{urlsplit(mirror).netloc}: {error}")
    raise FileError(
        f"cannot download {file.name} ({'; '.join(failed)}): "
        f"try again later, or put the file into {folder}"
    )


def _sweep(file: Published, folder: Path) -> None:
    """Remove what killed downloads of this file left behind."""
    for left in folder.glob(f".{glob.escape(file.name[:40])}.*"):
        if time.time() - left.stat().st_mtime > STALE:
            left.unlink(missing_ok=True)


def _transfer(url: str, out: _Checked) -> None:
    import pooch

    get = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=PIECE,
        timeout=TIMEOUT,
        headers={"Accept-Encoding": "identity"},  # the file as it is, not unzipped on the way
    )
    try:
        get(url, out, None)
    except (OSError, ValueError) as error:
        raise _Wrong(_trouble(error)) from None
    out.finish()


def _trouble(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"it answers {response.status_code}"
    kind = type(error).__name__
    return TROUBLES.get(kind, kind)


class _Wrong(Exception):
    """What came is not the published file; always caught here, and told to the user with others."""


class _Checked:
    """A file that is written only as long as it can still become the published one."""

    def __init__(self, out: IO[bytes], file: Published) -> None:
        self.out, self.file = out, file
        self.count, self.sum = 0, hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self.count += len(piece)
        if self.count > self.file.size:
            raise _Wrong(f"more than the {self.file.size:,} bytes of the published file")
        self.sum.update(piece)
        try:
            self.out.write(piece)
        except OSError as error:  # ours, not the mirror's
            raise FileError(f"cannot write {self.file.name}: {reason(error)}") from None

    def flush(self) -> None:
        """The downloader asks for it after every piece; `atomic` does it once."""

    def finish(self) -> None:
        if self.count < self.file.size:
            raise _Wrong(f"{self.count:,} bytes of {self.file.size:,}")
        if self.sum.hexdigest() != self.file.sha256:
            raise _Wrong("not the published file, by its sha256")


def _unpack(archive: Path, members: list[Published], folder: Path) -> None:
    """These members of an archive into the folder; then the archive goes.

    Members are looked up by the last part of their names and written under the names of our own
    table, so no path in an archive leads anywhere.
    """
    missing = {one.name: one for one in members}
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                one = missing.get(PurePosixPath(member.name).name)
                stream = opened.extractfile(member) if one and member.isreg() else None
                if one is None or stream is None:
                    continue
                with atomic(cifar.home(folder) / one.name) as out:
                    checked = _Checked(out, one)
                    while piece := stream.read(PIECE):
                        checked.write(piece)
                    checked.finish()
                del missing[one.name]
    except _Wrong as error:
        raise FileError(f"{archive}, member {one.name if one else ''}: {error}") from None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise FileError(f"{archive} is damaged: {error}") from None
    if missing:
        raise FileError(f"{archive} lacks {', '.join(missing)}")
    archive.unlink(missing_ok=True)
