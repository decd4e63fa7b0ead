"""The cache of reports: nothing is computed twice, nothing stale or damaged is believed."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from shutil import copytree, rmtree

import numpy as np
import pytest
from pages import CASES, Page, cnn, contents, dataset, hurried, write_case

from nnviz.errors import ArgumentError
from nnviz.report import build, cache, plan
from nnviz.report import write_report as write
from nnviz.report.cache import FOLDER, Cache

CASE = "no softmax"


@pytest.fixture
def made(monkeypatch):
    """The names of what was computed since it was last emptied."""
    names = []

    class Told(Cache):
        def _found(self, name, make, hint, reads):
            def told():
                names.append(name)
                return make()

            return super()._found(name, told, hint, reads)

    monkeypatch.setattr(build, "Cache", Told)
    return names


@pytest.fixture
def old(galleries, tmp_path):
    """A copy of a gallery written before, with its cache."""
    return copytree(galleries(CASE)[0], tmp_path / "old")


def but_time(folder):
    """The files of a gallery but the manifest, where the time stands."""
    found = contents(folder)
    return {name: content for name, content in found.items() if name != "manifest.json"}


# One entry --------------------------------------------------------------------------------------


def entry(folder):
    (path,) = (path for path in folder.iterdir() if path.suffix == ".npz")
    return path


def test_a_value_is_made_once_and_kept(tmp_path):
    values = iter(range(9))
    one, later = Cache(tmp_path, "b"), Cache(tmp_path, "b")
    assert [one.once("a", lambda: next(values), int) for _ in range(3)] == [0, 0, 0]
    assert later.once("a", lambda: next(values), int) == 0
    assert (one.made, later.made) == (["a"], [])
    assert Cache(tmp_path, "other").once("a", lambda: next(values), int) == 1
    assert Cache(tmp_path, "b").once("c", lambda: next(values), int) == 2
    assert Cache().once("a", lambda: next(values), int) == 3
    assert (tmp_path / ".gitignore").read_text().endswith("*\n")


def test_only_the_options_that_are_read_matter(tmp_path):
    values = iter(range(9))

    def get(**options):
        return Cache(tmp_path, "b", options).once("a", lambda: next(values), int, ("pick",))

    assert [get(), get(pick=(1,)), get(pick=(1,), classes=(2,)), get(pick=(1, 2)), get()] == [
        0, 1, 1, 2, 0,
    ]  # fmt: skip


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "one bit": lambda path: path.write_bytes(path.read_bytes().replace(b"hello", b"hellp")),
    "no archive": lambda path: path.write_bytes(b"x" * 999),
    "another type": lambda path: path.write_bytes(
        build.npz_bytes(cache.pack(3), compress=False)
    ),
    "NaN": lambda path: path.write_bytes(
        build.npz_bytes(cache.pack(float("nan")), compress=False)
    ),
    "other arrays": lambda path: np.savez(path, a=np.zeros(3)),
    "pickles": lambda path: np.savez(path, page=np.array([{}], object)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_entry_is_made_again(tmp_path, kind):
    assert Cache(tmp_path, "b").once("a", lambda: "hello", str) == "hello"
    DAMAGE[kind](entry(tmp_path))
    later = Cache(tmp_path, "b")
    assert later.once("a", lambda: "hello", str) == "hello"
    assert later.made == ["a"]


def test_an_error_is_everybodys_and_is_not_kept(tmp_path):
    def fail():
        raise ArgumentError("no luck")

    one = Cache(tmp_path, "b")
    for _ in range(2):
        with pytest.raises(ArgumentError, match="no luck"):
            one.once("a", fail, str)
    assert one.made == ["a"]
    assert Cache(tmp_path, "b").once("a", lambda: "luck", str) == "luck"


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    one = Cache(tmp_path / "file" / "cache", "b")
    assert one.once("a", lambda: 3, int) == 3
    one.close("key", {"a": b""})
    assert not one.is_whole("key", tmp_path)


def test_several_threads_make_a_value_once():
    one, count = Cache(), []

    def make():
        time.sleep(0.02)
        count.append(1)
        return len(count)

    threads = [threading.Thread(target=one.once, args=("a", make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [1]


def test_who_waits_is_stopped_with_the_report():
    one, begun, asked, said = Cache(), threading.Event(), threading.Event(), []

    def wait():
        try:
            one.once("a", lambda: 3)
        except cache.Stopped:
            said.append("stopped")

    def make():
        begun.set()
        asked.wait()
        one.stopped = True
        waiting.join()
        return 3

    waiting = threading.Thread(target=wait)
    making = threading.Thread(target=one.once, args=("a", make))
    making.start()
    begun.wait()
    waiting.start()
    asked.set()
    making.join()
    assert said == ["stopped"]


def test_what_belongs_no_more_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "MOST", 1)
    for base, options in (("a" * 16, 1), ("b" * 16, 1), ("b" * 16, 2), ("b" * 16, 3)):
        Cache(tmp_path, base, {"pick": options}).once("x", lambda: 3, int, ("pick",))
    (tmp_path / ".index.html.abcd1234").write_text("half")
    (tmp_path / "notes.txt").write_text("mine")
    last = Cache(tmp_path, "b" * 16, {"pick": 3})
    last.once("x", lambda: 3, int, ("pick",))
    last.close("key", {})
    names = sorted(path.name for path in tmp_path.iterdir())
    entries = [name for name in names if name.startswith("b")]
    assert len(entries) == 2
    rest = [".gitignore", ".index.html.abcd1234", *entries, "gallery.npz", "notes.txt"]
    assert names == sorted(rest)
    monkeypatch.setattr(cache, "ABANDONED", -1)
    last.close("key", {})
    assert not (tmp_path / ".index.html.abcd1234").exists()


# What the whole depends on ----------------------------------------------------------------------


def base(folder, **changed):
    model = cnn((12, 12, 1), 3)
    if changed.pop("weight", False):
        model.parameters()["dense_1/bias"][0] += 1e-6
    data = replace(dataset(model), **changed.pop("data", {}))
    values = {"seed": 0, "name": "a", "code": ("m", "d"), "lang": "en"} | changed
    return build._study(
        model, data, values["seed"], values["name"], values["code"], values["lang"], folder, {}
    ).cache.base


X = dataset(cnn((12, 12, 1), 3)).x
CHANGES = {
    "weight": {"weight": True}, "seed": {"seed": 1}, "name": {"name": "b"},
    "language": {"lang": "zh"}, "code": {"code": ("m", "other")},
    "a pixel": {"data": {"x": np.where(np.arange(X.size).reshape(X.shape) == 7, X ^ 1, X)}},
    "labels": {"data": {"y": np.arange(12) % 3}}, "no labels": {"data": {"y": None}},
    "dtype": {"data": {"x": X.astype(np.float32) / 255}}, "source": {"data": {"source": "else"}},
    "files": {"data": {"files": tuple(map(str, range(12)))}},
    "masks": {"data": {"masks": X[..., 0] > 9}}, "decoys": {"data": {"decoys": X[..., 0] > 9}},
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_every_input_counts(tmp_path, change):
    assert base(tmp_path) == base(tmp_path / "elsewhere")
    assert base(tmp_path, **CHANGES[change]) != base(tmp_path)


def test_the_program_counts(tmp_path, monkeypatch):
    before = base(tmp_path)
    monkeypatch.setattr(cache, "_version", lambda library: "0.0")
    cache.program.cache_clear()
    assert base(tmp_path) != before
    monkeypatch.undo()
    cache.program.cache_clear()
    assert base(tmp_path) == before


# Reports ----------------------------------------------------------------------------------------


def test_an_unchanged_report_is_not_made_again(galleries, old, made):
    before = contents(old)
    paths = write_case(CASE, old)
    assert made == []
    assert contents(old) == before
    assert [path.name for path in paths] == [path.name for path in galleries(CASE)[1]]


@pytest.mark.parametrize("case", ["digits", "hostile names", "no labels", "one number"])
def test_what_is_restored_is_what_was_made(galleries, tmp_path, made, case):
    old = copytree(galleries(case)[0], tmp_path / "old")
    whole = but_time(old)
    made.clear()
    for name in whole:
        (old / name).unlink()
    write_case(case, old)
    assert made == []
    assert but_time(old) == whole


@pytest.mark.parametrize("name", ["cam.png", "cam.npz", "index.html", "manifest.json"])
@pytest.mark.parametrize("how", ["deleted", "changed"])
def test_a_file_that_somebody_changed_is_written_again(old, made, name, how):
    before = contents(old)
    (old / name).unlink() if how == "deleted" else (old / name).write_bytes(b"mine")
    write_case(CASE, old)
    assert made == []
    assert set(contents(old)) == set(before)
    assert but_time(old) == {k: v for k, v in before.items() if k != "manifest.json"}
    assert contents(old)["manifest.json"].startswith(b'{\n "nnviz"')


def test_the_cache_may_be_deleted(old, made):
    before = but_time(old)
    rmtree(old / FOLDER)
    write_case(CASE, old)
    assert "methods" in made
    assert but_time(old) == before


def test_damaged_entries_of_a_report_are_made_again(old, made):
    rng, before = np.random.default_rng(0), but_time(old)
    entries = sorted((old / FOLDER).glob("*.npz"))
    for path in entries[::2]:
        raw = bytearray(path.read_bytes())
        for place in rng.integers(0, len(raw), 20).tolist():
            raw[place] = int(rng.integers(256))
        path.write_bytes(bytes(raw[: int(rng.integers(len(raw)))]))
    (old / "cam.png").unlink()
    write_case(CASE, old)
    assert 0 < len(made) <= len(entries)
    assert but_time(old) == before


def test_a_choice_makes_only_what_depends_on_it(old, made):
    model, (_, options) = CASES[CASE][0](), CASES[CASE]
    given = (model, dataset(model, **options), old)
    with hurried():
        write(*given, name=CASE, verbose=False, classes=[1])
        assert made == ["ideal-classes"]
        made.clear()
        write(*given, name=CASE, verbose=False, chapters=["works", "fails"])
        write(*given, name=CASE, verbose=False, command="another")
        write(*given, name=CASE, verbose=False)
        assert made == []
        write(*given, name=CASE, verbose=False, pick=[5, 2])
        assert {"covered", "methods", "saliency", "features-first"} <= set(made)
        assert not {"health", "confusion", "embedding", "sizes", "weights"} & set(made)


def test_a_report_with_a_figure_that_failed_is_tried_again(tmp_path, made, monkeypatch):
    def broken(study):
        raise ArgumentError("no luck")

    model = cnn((12, 12, 1), 3)
    with hurried():
        with monkeypatch.context() as patched:
            patched.setattr(plan.works, "structure", broken)
            write(model, dataset(model), tmp_path, verbose=False)
        made.clear()
        write(model, dataset(model), tmp_path, verbose=False)
    assert made == ["structure"]
    assert "no luck" not in (tmp_path / "index.html").read_text("utf-8")


def test_chosen_chapters_are_all_that_there_is(old):
    model = CASES[CASE][0]()
    with hurried():
        write(model, dataset(model), old, name=CASE, verbose=False, chapters=["why", "works"])
    page = Page((old / "index.html").read_text("utf-8"))
    sections = [section.get("id") for section in page.all("section")]
    assert [name for name in sections if name in plan.CHAPTERS] == ["works", "why"]
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = [a["href"] for a in page.all("a")]
    assert all(link[1:] in ids for link in links if link.startswith("#"))
    assert all((old / link).is_file() for link in links if not link.startswith("#"))


def test_chosen_methods_and_pictures(old):
    model = CASES[CASE][0]()
    with hurried():
        write(model, dataset(model), old, name=CASE, verbose=False, chapters=["why"],
              methods=["input_x_gradient", "saliency", "score_cam"], pick=[5, 2, 5])  # fmt: skip
    page = Page((old / "index.html").read_text("utf-8"))
    assert {f["id"] for f in page.all("figure")} == {"methods", "saliency", "trust"}
    with np.load(old / "methods.npz") as numbers:
        assert numbers["pictures"].tolist() == [5, 2]
        assert {"input_x_gradient", "saliency", "score_cam"} <= set(numbers)
    assert "input x gradient" in page.words
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert all(a["href"][1:] in ids for a in page.all("a") if a["href"].startswith("#"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chapters": ["all"]}, "no chapter named 'all'; a report has works, adjust, fails, why"),
        ({"chapters": "works"}, "chapters must be a sequence, got 'works'"),
        ({"methods": ["nope"]}, "no method named 'nope'"),
        ({"pick": [12]}, r"there is no picture 12 to pick: 0 … 11"),
        ({"pick": [True]}, "there is no picture True to pick"),
        ({"pick": [1.0]}, "there is no picture 1.0 to pick"),
        ({"pick": range(11)}, "pick may be 10 at the most, got 11"),
    ],
    ids=str,
)
def test_bad_choices_are_one_clear_error(tmp_path, options, message):
    model = cnn((12, 12, 1), 3)
    with pytest.raises(ArgumentError, match=message):
        write(model, dataset(model), tmp_path / "new", verbose=False, **options)
    assert not (tmp_path / "new").exists()


def test_methods_of_a_model_without_classes_cannot_be_chosen(tmp_path):
    model = CASES["a plain number"][0]()
    with pytest.raises(ArgumentError, match="methods cannot be chosen: this model's output means"):
        write(model, dataset(model, labels=False), tmp_path, verbose=False, methods=["saliency"])
