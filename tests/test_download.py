"""Data sets by name, from a server that the test starts on this machine: whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nnviz import data
from nnviz.data import cifar, download
from nnviz.data.catalogue import CATALOGUE, Entry, Published
from nnviz.errors import ArgumentError, FileError

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 4, 3)).astype(np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


def encoded(array):
    """An IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


FILES = {
    "train-images-idx3-ubyte.gz": gzip.compress(encoded(DIGITS), mtime=0),
    "train-labels-idx1-ubyte.gz": gzip.compress(encoded(LABELS), mtime=0),
    "t10k-images-idx3-ubyte.gz": gzip.compress(encoded(DIGITS[:5]), mtime=0),
    "t10k-labels-idx1-ubyte.gz": gzip.compress(encoded(LABELS[:5]), mtime=0),
}
FIRST = "train-images-idx3-ubyte.gz"
BATCH = (np.arange(2 * cifar.RECORD) % 10).astype(np.uint8).tobytes()
BATCHES = [*cifar.NAMES["train"], *cifar.NAMES["test"]]


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Mirror(ThreadingHTTPServer):
    """Serves `files`; `trouble` maps a name to a function that answers instead."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.trouble, self.asked = dict(files), {}, []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/")
        self.server.asked.append(name)
        if name in self.server.trouble:
            self.server.trouble[name](self, self.server.files[name])
        elif name in self.server.files:
            self.send(self.server.files[name])
        else:
            self.send_error(404, "gone <away>\x1b")

    def send(self, content, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def start():
    """Starts a mirror of the files."""
    running = []

    def begin(files=FILES):
        server = Mirror(files)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    yield begin
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The cache's folder of the data set `tiny`; no proxy stands between."""
    monkeypatch.setenv("NNVIZ_DATA", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "tiny"


@pytest.fixture
def offer(monkeypatch):
    """Puts `tiny` on the catalogue, at these mirrors."""

    def put(*mirrors, files=None):
        files = files or tuple(
            Published(name, len(body), sha(body), sha(gzip.decompress(body)))
            for name, body in FILES.items()
        )
        entry = Entry("digits", "free", "the test", tuple(m.url for m in mirrors), files)
        monkeypatch.setitem(CATALOGUE, "tiny", entry)

    return put


def held(folder):
    """All files in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


# Good days --------------------------------------------------------------------------------------


def test_a_name_is_downloaded_once_and_then_read_offline(folder, start, offer, capfd):
    mirror = start()
    offer(mirror)
    assert not data.is_cached("tiny")
    train = data.load("tiny", "train")
    np.testing.assert_array_equal(train.x[..., 0], DIGITS)
    assert train.name == "tiny (train)"
    assert train.source == "the test; licence: free"
    assert train.split == "train"
    assert held(folder) == sorted(FILES)
    assert data.is_cached("tiny")
    assert len(mirror.asked) == 4
    mirror.shutdown()
    assert len(data.load("tiny")) == 5
    assert len(mirror.asked) == 4
    assert capfd.readouterr() == ("", ""), "no progress bar but on a terminal"


def test_only_what_is_missing_is_fetched(folder, start, offer):
    mirror = start()
    offer(mirror)
    data.fetch("tiny")
    (folder / FIRST).unlink()
    mirror.asked.clear()
    assert data.fetch("tiny") == folder
    assert mirror.asked == [FIRST]


def test_copies_zipped_otherwise_or_unzipped_are_known(folder, offer):
    offer()  # nowhere to download from
    folder.mkdir()
    for name, body in FILES.items():
        plain = gzip.decompress(body)
        if "images" in name:
            (folder / name.removesuffix(".gz")).write_bytes(plain)
        else:
            (folder / name).write_bytes(gzip.compress(plain, 1, mtime=99))
    assert len(data.load("tiny", "train")) == 12


def test_classes_come_from_the_catalogue(folder, start, offer, monkeypatch):
    from dataclasses import replace

    offer(start())
    named = replace(CATALOGUE["tiny"], classes=tuple("abcdefghij"))
    monkeypatch.setitem(CATALOGUE, "tiny", named)
    assert data.load("tiny").classes == tuple("abcdefghij")


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("NNVIZ_DATA", "~/pictures")
    assert data.cache() == Path.home() / "pictures"
    monkeypatch.delenv("NNVIZ_DATA")
    assert "nnviz" in data.cache().parts[-1]
    monkeypatch.setenv("NNVIZ_DATA", "")
    assert "nnviz" in data.cache().parts[-1]


# Mirrors that fail ------------------------------------------------------------------------------


def truncated(answer, body):
    answer.send(body[:20], len(body))


def short(answer, body):
    answer.send(body[:20])


def tampered(answer, body):
    answer.send(bytes([*body[:-1], body[-1] ^ 1]))


def endless(answer, body):
    answer.send(body * 50)


def slammed(answer, body):
    answer.connection.close()


def moved(answer, body):
    answer.send_response(302)
    answer.send_header("Location", f"/{FIRST}")
    answer.end_headers()


def gone(answer, body):
    answer.send_error(404)


def broken(answer, body):
    answer.send_error(503)


def silent(answer, body):
    time.sleep(1)


TROUBLES = [
    (truncated, "it broke off|20 bytes of"),
    (short, "20 bytes of"),
    (tampered, "not the published file, by its sha256"),
    (endless, "more than the [0-9,]+ bytes of the published file"),
    (slammed, "no connection, or it broke off"),
    (moved, "it answers 302"),
    (gone, "it answers 404"),
    (broken, "it answers 503"),
    (silent, "no answer in"),
]


@pytest.mark.parametrize(("trouble", "message"), TROUBLES, ids=[t.__name__ for t, _ in TROUBLES])
def test_a_mirror_that_fails_is_followed_by_the_next(
    folder, start, offer, monkeypatch, trouble, message
):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    bad, good = start(), start()
    bad.trouble[FIRST] = trouble
    offer(bad)
    with pytest.raises(FileError, match=rf"cannot download {FIRST} \(127\.0\.0\.1:\d+: {message}"):
        data.load("tiny")
    assert held(folder) == [], "nothing of it is left"
    offer(bad, good)
    assert len(data.load("tiny", "train")) == 12
    assert held(folder) == sorted(FILES)
    assert good.asked == [FIRST], "the other files came from the first"


def test_all_mirrors_down(folder, start, offer):
    one, two = start(), start({})
    offer(one, two)
    one.shutdown()
    one.server_close()
    with pytest.raises(
        FileError,
        match=r"\(127.0.0.1:\d+: no connection, or it broke off; 127.0.0.1:\d+: it answers 404\): "
        r"try again later, or put the file into .*tiny",
    ) as caught:
        data.load("tiny")
    assert "\n" not in str(caught.value)
    assert held(folder) == []


def test_what_was_verified_stays_when_a_later_file_fails(folder, start, offer):
    mirror = start()
    mirror.trouble["t10k-labels-idx1-ubyte.gz"] = broken
    offer(mirror)
    with pytest.raises(FileError, match="cannot download t10k-labels-idx1-ubyte"):
        data.load("tiny")
    assert len(held(folder)) == 3
    mirror.trouble.clear()
    mirror.asked.clear()
    data.load("tiny")
    assert mirror.asked == ["t10k-labels-idx1-ubyte.gz"]


def test_a_file_in_the_cache_that_was_changed_is_neither_used_nor_replaced(folder, start, offer):
    mirror = start()
    offer(mirror)
    data.fetch("tiny")
    changed = folder / FIRST
    for content in (FILES[FIRST][:-9], gzip.compress(encoded(255 - DIGITS)), b""):
        changed.write_bytes(content)
        with pytest.raises(FileError, match=r"images-idx3-ubyte\.gz is (not the published|dama)"):
            data.load("tiny")
        assert changed.read_bytes() == content
    changed.unlink()
    changed.with_suffix("").write_bytes(encoded(255 - DIGITS))
    with pytest.raises(FileError, match="not the published file: remove it to have it fetched"):
        data.load("tiny")
    assert len(mirror.asked) == 4


def test_a_cache_that_cannot_be_read_or_written(folder, start, offer, monkeypatch):
    offer(start())
    folder.write_text("a file where the folder should be")
    with pytest.raises(FileError, match=r"cannot make the folder .*tiny: File exists"):
        data.load("tiny")
    folder.unlink()
    data.fetch("tiny")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=r"cannot read .*ubyte\.gz: Permission denied"):
        data.load("tiny")


def test_a_full_disk_is_no_mirrors_fault(folder, start, offer):
    class Full(io.BytesIO):
        def write(self, piece):
            raise OSError(28, "No space left on device")

    with pytest.raises(FileError, match=f"cannot write {FIRST}: No space left on device"):
        download._Checked(Full(), Published(FIRST, 9, "")).write(b"1")


def test_an_unknown_name():
    with pytest.raises(ArgumentError, match=r"no data set named 'mnits' \(did you mean 'mnist'\?"):
        data.fetch("mnits")


KILLED = """
import sys
from nnviz.data.catalogue import CATALOGUE, Entry, Published
from nnviz import data
CATALOGUE["tiny"] = Entry("", "", "", (sys.argv[1],), (Published("big.gz", 1 << 20, ""),))
data.fetch("tiny")
"""


def test_killed_half_way_nothing_half_is_used_and_the_rest_is_swept(folder, start, offer):
    reached, go_on = threading.Event(), threading.Event()

    def stall(answer, body):
        answer.send(body[: 1 << 19], len(body))
        answer.wfile.flush()
        reached.set()
        go_on.wait(20)

    mirror = start({"big.gz": bytes(1 << 20)})
    mirror.trouble["big.gz"] = stall
    child = subprocess.Popen([sys.executable, "-c", KILLED, mirror.url])
    assert reached.wait(20)
    until = time.monotonic() + 10
    while not any(path.stat().st_size for path in folder.glob(".big.gz.*")):
        assert time.monotonic() < until
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait(20) == -signal.SIGKILL
    go_on.set()
    left = held(folder)
    assert "big.gz" not in left
    assert len(left) == 1
    body = bytes(1 << 20)
    mirror.trouble.clear()
    offer(mirror, files=(Published("big.gz", len(body), sha(body)),))
    data.fetch("tiny")
    assert held(folder) == [*left, "big.gz"], "it might be another process's"
    (folder / "big.gz").unlink()
    os.utime(folder / left[0], (0, 0))
    data.fetch("tiny")
    assert held(folder) == ["big.gz"]
