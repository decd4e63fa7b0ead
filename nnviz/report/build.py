"""Building a gallery: compute everything, then write everything.

Nothing but the cache is written before all is computed, every file is written atomically, the page
comes last, and what an earlier gallery had more is removed after it; so whatever goes wrong, the
old gallery stays usable.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..draw.png import png_bytes
from ..engine.boundary import of_model
from ..engine.executor import aside, each
from ..engine.model import Model
from ..errors import ArgumentError, listing
from ..files import make_folder, npz_bytes, write_bytes
from ..inspection.evaluation import is_classifier
from .cache import FOLDER, Cache, digest, digest_of, program
from .choice import (
    chosen_chapters,
    chosen_classes,
    chosen_layers,
    chosen_methods,
    chosen_pictures,
)
from .figure import Figure
from .helper import helpers
from .page import render
from .plan import CHAPTERS, Plan, plan
from .progress import Progress
from .study import Study
from .words import WORDS, checked_language, language, speaking

PAGE, MANIFEST = "index.html", "manifest.json"


@of_model
def write_report(
    model: Model,
    data: Dataset,
    out: str | Path = "gallery",
    *,
    seed: int = 0,
    name: str | None = None,
    chapters: Sequence[str] = (),
    classes: Sequence[int | str] = (),
    layers: Sequence[str | tuple[str, Sequence[int]]] = (),
    methods: Sequence[str] = (),
    pick: Sequence[int] = (),
    command: str | None = None,
    code: tuple[str, str] = ("import nnviz as nv\nmodel = …", "data = …"),
    lang: str = "en",
    verbose: bool = True,
) -> list[Path]:
    """Write a gallery for a model, seen through the pictures in `data`; the paths written.

    out: the folder; it gets `index.html`, a PNG and an `.npz` for each figure, and `manifest.json`;
        and a folder `.nnviz-cache` with all that was computed, so that an interrupted report goes
        on where it was and an unchanged one is not made again. That may be deleted at any time.
    chapters: which of "works", "adjust", "fails" and "why" the page has; all where nothing is said.
    classes: of which classes ideal pictures are made, by name or number; all where they are ten or
        fewer, else those that the pictures show.
    layers: of which nodes the channels are shown, by name, or a name and channels; the last
        convolution before the answer where nothing is said.
    methods: which attribution methods stand beside each other and are judged, by name; the figures
        of others are left out of the last chapter.
    pick: which pictures are explained, by number; the first one of each class where nothing is
        said.
    name: what to call the model on the page. command, code: how to make it again, shown on the
        page. lang: the language of the page's own words, "en" or "zh" (simplified Chinese).
    """
    wanted = chosen_chapters(chapters, CHAPTERS)
    study = _study(
        model, data, seed, name or WORDS[checked_language(lang)]["nameless"], code,
        checked_language(lang), Path(out),
        {
            "classes": chosen_classes(model, classes),
            "layers": chosen_layers(model, layers),
            "methods": chosen_methods(methods, model),
            "pick": chosen_pictures(pick, len(data)),
        },
    )  # fmt: skip
    cache = study.cache
    key = digest(cache.base, cache.options, wanted, command)
    if cache.is_whole(key, Path(out)):
        return [Path(out) / file for file in cache.files()]
    with Progress(verbose) as progress, speaking(lang):
        began = time.perf_counter()
        with helpers(study, tuple(wanted)) as hands:
            _ = study.mistakes  # bad labels are found here, before anything is written
            folder = make_folder(out)
            made = plan(study, wanted, progress.begun, hands)
        files = _made(study, made, command, began)
    _write(folder, files, cache)
    cache.close(key if made.complete else None, files)
    return [folder / file for file in files]


def _made(study: Study, made: Plan, command: str | None, began: float) -> dict[str, bytes]:
    """All files of the gallery: their names and bytes. began: when the report was."""
    begun = aside(partial(_files, made))  # compressing leaves the page its turn
    manifest = _manifest(study, command)
    manifest["seconds"] = round(time.perf_counter() - began, 1)
    page = render(study, made, {figure.id: _names(figure) for figure in made.figures()}, manifest)
    parts = begun()
    manifest["figures"] = [_entry(figure, parts[figure.id]) for figure in made.figures()]
    files = {file: content for part in parts.values() for file, content in part.items()}
    files[MANIFEST] = json.dumps(manifest, indent=1, ensure_ascii=False).encode(
        errors="backslashreplace"  # half a sign, as a file's name may have, is JSON by its number
    )
    files[PAGE] = page.encode()
    return files


def _study(
    model: Model, data: Dataset, seed: int, name: str, code: tuple[str, str], lang: str,
    folder: Path, chosen: dict[str, Any],
) -> Study:  # fmt: skip
    """The study, with a cache for all that it computes."""
    made_again = _checked(model, data, code[0])
    base = digest(
        program(), model.fingerprint(), digest_of(data), seed, name, made_again, code[1], lang,
        model.made,
    )  # fmt: skip
    cache = Cache(folder / FOLDER, base, chosen)
    return Study(model, data, seed, name, made_again, code[1], **chosen, cache=cache)


def _write(folder: Path, files: dict[str, bytes], cache: Cache) -> None:
    """Write what is not there already, the page last; then remove what an earlier gallery had more.

    Files come to be inside the cache's folder: there a kill leaves what it leaves.
    """
    stale = _stale(folder, keep=set(files))
    way = cache.folder if cache.folder is not None and cache.folder.is_dir() else None
    for file, content in files.items():
        path = folder / file
        if not (path.is_file() and path.read_bytes() == content):
            write_bytes(path, content, by_way_of=way)
    for path in stale:
        path.unlink(missing_ok=True)


def _checked(model: Model, data: Dataset, code: str) -> str:
    """The Python that makes the model again, after a check that there can be a report of it."""
    if len(model.input.shape) != 3:
        page = model.made.get("onnx") or {}
        names = [side["name"] for side in (page.get("input"), *page.get("others", ())) if side]
        hint = (
            f"; --input says which of {listing(names)} are the pictures, --value gives the others"
        )
        raise ArgumentError(
            f"a report needs a model for pictures, this one's input is {model.input.shape}"
            f"{hint if len(names) > 1 else ''}"
        )
    model.input.check(data.x)
    # One sigmoid: the lines of the figures speak of two classes.
    two = is_classifier(model) and model.output_shape == (1,)
    return f"{code}\nmodel = nv.as_classifier(model)" if two else code


def _files(made: Plan) -> dict[str, dict[str, bytes]]:
    """For each figure's id, its files' names and bytes."""
    figures = list(made.figures())
    parts = each([partial(_files_of, figure) for figure in figures])
    return {figure.id: part for figure, part in zip(figures, parts, strict=True)}


def _names(figure: Figure) -> list[str]:
    """The names of a figure's files."""
    there = {"png": figure.has_picture, "svg": figure.svg, "npz": figure.numbers}
    return [f"{figure.id}.{kind}" for kind, is_there in there.items() if is_there]


def _files_of(figure: Figure) -> dict[str, bytes]:
    part: dict[str, bytes] = {}
    drawn = figure.picture()
    if drawn is not None:
        part[f"{figure.id}.png"] = png_bytes(drawn)
    if figure.svg:
        part[f"{figure.id}.svg"] = figure.svg.encode(errors="replace")
    if figure.numbers:
        part[f"{figure.id}.npz"] = npz_bytes(figure.numbers, compress=True)
    return part


def _manifest(study: Study, command: str | None) -> dict[str, Any]:
    """What made the gallery: versions, settings, seeds, hashes."""
    from .. import __version__

    data = study.data
    return {
        "nnviz": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "written": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "command": command,
        "seed": study.seed,
        "lang": language(),
        "model": {
            "name": study.name,
            "fingerprint": study.model.fingerprint(),
            "made": study.model.made,
        },
        "data": {
            "name": data.name,
            "source": data.source,
            "pictures": len(data),
            "sha256": hashlib.sha256(np.ascontiguousarray(data.x).tobytes()).hexdigest(),
        },
    }


def _entry(figure: Figure, files: dict[str, bytes]) -> dict[str, Any]:
    return {
        "id": figure.id,
        "title": figure.title,
        "method": figure.method,
        "settings": figure.settings,
        "seed": figure.seed,
        "warnings": list(figure.warnings),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }


def _stale(folder: Path, keep: set[str]) -> list[Path]:
    """The files of an earlier gallery, as its manifest lists them, that this one has no more."""
    try:
        old = json.loads((folder / MANIFEST).read_text("utf-8"))
        names = {str(name) for figure in old["figures"] for name in figure["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []  # no earlier gallery, or none of ours
    # The manifest may have been edited: only plain names of our kinds, only in this folder.
    plain = [name for name in names - keep if re.fullmatch(r"[a-z0-9-]+\.(png|svg|npz)", name)]
    return [folder / name for name in plain if (folder / name).is_file()]
