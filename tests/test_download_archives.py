"""Archives of a data set: unpacked whole, and no path in them leads out."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import test_download
from test_download import BATCH, BATCHES, held, sha

from nnviz import data
from nnviz.data import cifar
from nnviz.data.catalogue import Published
from nnviz.errors import FileError, NnvizError

folder, offer, start = test_download.folder, test_download.offer, test_download.start


def tar(members):
    """A gzipped archive of (name, content) or ready-made headers."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members:
            if isinstance(name, str):
                name = tarfile.TarInfo(name)
                name.size = len(content)
            archive.addfile(name, io.BytesIO(content))
    return out.getvalue()


def archive(members):
    body = tar(members)
    wanted = tuple(Published(name, len(BATCH), sha(BATCH)) for name in BATCHES)
    return body, (Published("cifar.tar.gz", len(body), sha(body), members=wanted),)


GOOD = [(f"{cifar.INSIDE}/{name}", BATCH) for name in BATCHES]


def test_an_archive_is_unpacked_and_goes(folder, start, offer):
    body, files = archive([(f"{cifar.INSIDE}/readme.html", b"<html>"), *GOOD])
    mirror = start({"cifar.tar.gz": body})
    offer(mirror, files=files)
    assert len(data.load("tiny", "train")) == 10
    assert held(folder) == sorted(BATCHES)
    assert data.is_cached("tiny")
    data.load("tiny")
    assert mirror.asked == ["cifar.tar.gz"]


def test_an_archive_left_by_a_killed_unpacking_is_not_fetched_again(folder, offer):
    body, files = archive(GOOD)
    offer(files=files)
    folder.mkdir()
    (folder / "cifar.tar.gz").write_bytes(body)
    (folder / BATCHES[0]).write_bytes(BATCH)
    assert len(data.load("tiny", "train")) == 10
    assert held(folder) == sorted(BATCHES)


def test_no_path_in_an_archive_leads_out(folder, start, offer, tmp_path):
    link = tarfile.TarInfo(f"{cifar.INSIDE}/data_batch_1.bin")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    evil = [("../../evil", b"x"), ("/tmp/nnviz-evil", b"x"), (link, b"")]
    moved = [(f"../../{name}", BATCH) for name in BATCHES]
    body, files = archive([*evil, *moved])
    offer(start({"cifar.tar.gz": body}), files=files)
    data.fetch("tiny")
    assert held(folder) == sorted(BATCHES)
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert held(tmp_path) == ["tiny"]
    assert not Path("/tmp/nnviz-evil").exists()


BAD_ARCHIVES = [
    (GOOD[:-1], "lacks test_batch.bin"),
    ([(GOOD[0][0], BATCH * 9), *GOOD[1:]], "member data_batch_1.bin: more than the 6,146 bytes"),
    ([(GOOD[0][0], BATCH[:-1]), *GOOD[1:]], "member data_batch_1.bin: 6,145 bytes of 6,146"),
    ([(GOOD[0][0], b"\0" * len(BATCH)), *GOOD[1:]], "member data_batch_1.bin: not the published"),
]


@pytest.mark.parametrize(("members", "message"), BAD_ARCHIVES, ids=[m for _, m in BAD_ARCHIVES])
def test_archives_with_other_members(folder, start, offer, members, message):
    body, files = archive(members)
    offer(start({"cifar.tar.gz": body}), files=files)
    with pytest.raises(FileError, match=rf"cifar\.tar\.gz.* {message}"):
        data.fetch("tiny")
    assert BATCHES[0] not in held(folder) or len(members) == 5


def test_an_archive_that_is_none(folder, start, offer):
    for body in (b"hello", gzip.compress(b"hello"), tar(GOOD)[: len(tar(GOOD)) // 2]):
        files = (Published("a.tar.gz", len(body), sha(body), members=archive(GOOD)[1][0].members),)
        offer(start({"a.tar.gz": body}), files=files)
        with pytest.raises(NnvizError, match=r"a\.tar\.gz (is damaged: |lacks )"):
            data.fetch("tiny")
        (folder / "a.tar.gz").unlink()
