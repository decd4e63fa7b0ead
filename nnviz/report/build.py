"""Building a gallery: compute everything, then write everything.

Nothing is written before all is computed, every file is written atomically, the page comes last,
and what an earlier gallery had more is removed after it; so whatever goes wrong, the old gallery
stays usable.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..draw.png import png_bytes
from ..engine.model import Model
from ..errors import ArgumentError
from ..files import make_folder, npz_bytes, write_bytes
from ..inspection.evaluation import is_classifier
from .choice import chosen_classes, chosen_layers
from .figure import Figure
from .page import render
from .plan import Plan, plan
from .study import Study
from .words import WORDS, checked_language, language, speaking

PAGE, MANIFEST = "index.html", "manifest.json"
STEPS = 23
"""About how many figures are made, for the progress bar."""


def write_report(
    model: Model,
    data: Dataset,
    out: str | Path = "gallery",
    *,
    seed: int = 0,
    name: str | None = None,
    classes: Sequence[int | str] = (),
    layers: Sequence[str | tuple[str, Sequence[int]]] = (),
    command: str | None = None,
    code: tuple[str, str] = ("import nnviz as nv\nmodel = …", "data = …"),
    lang: str = "en",
    verbose: bool = True,
) -> list[Path]:
    """Write a gallery for a model, seen through the pictures in `data`; the paths written.

    out: the folder; it gets `index.html`, a PNG and an `.npz` for each figure, and `manifest.json`.
    classes: of which classes ideal pictures are made, by name or number; all where they are ten or
        fewer, else those that the pictures show.
    layers: of which nodes the channels are shown, by name, or a name and channels; the last
        convolution before the answer where nothing is said.
    name: what to call the model on the page. command, code: how to make it again, shown on the
        page. lang: the language of the page's own words, "en" or "zh" (simplified Chinese).
    """
    began = time.perf_counter()
    checked_language(lang)
    made_again = _checked(model, data, code[0])
    study = Study(
        model, data, seed, name or WORDS[lang]["nameless"], made_again, code[1],
        chosen_classes(model, classes), chosen_layers(model, layers),
    )  # fmt: skip
    _ = study.mistakes  # bad labels are found here, before anything is written
    folder = make_folder(out)
    bar = _progress(verbose)

    def tell(figure: str) -> None:
        bar.set_postfix_str(figure)
        bar.update()

    try:
        with speaking(lang):
            made = plan(study, tell)
            files = _files(made)
            manifest = _manifest(study, made, files, command)
            manifest["seconds"] = round(time.perf_counter() - began, 1)
            names = {fid: list(part) for fid, part in files.items()}
            page = render(study, made, names, manifest)
    finally:
        bar.close()
    written = [folder / n for part in files.values() for n in part]
    content: dict[str, bytes] = {n: data for part in files.values() for n, data in part.items()}
    stale = _stale(folder, keep=set(content))
    for file, data_ in content.items():
        write_bytes(folder / file, data_)
    write_bytes(folder / MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    write_bytes(folder / PAGE, page.encode())
    for path in stale:
        path.unlink(missing_ok=True)
    return [*written, folder / MANIFEST, folder / PAGE]


def _checked(model: Model, data: Dataset, code: str) -> str:
    """The Python that makes the model again, after a check that there can be a report of it."""
    if len(model.input.shape) != 3:
        raise ArgumentError(
            f"a report needs a model for pictures, this one's input is {model.input.shape}"
        )
    model.input.check(data.x)
    # One sigmoid: the lines of the figures speak of two classes.
    two = is_classifier(model) and model.output_shape == (1,)
    return f"{code}\nmodel = nv.as_classifier(model)" if two else code


def _progress(verbose: bool) -> Any:
    from tqdm import tqdm

    return tqdm(total=STEPS, desc="report", leave=False, disable=None if verbose else True)


def _files(made: Plan) -> dict[str, dict[str, bytes]]:
    """For each figure's id, its files' names and bytes."""
    files: dict[str, dict[str, bytes]] = {}
    for figure in made.figures():
        part: dict[str, bytes] = {}
        drawn = figure.picture()
        if drawn is not None:
            part[f"{figure.id}.png"] = png_bytes(drawn)
        if figure.svg:
            part[f"{figure.id}.svg"] = figure.svg.encode()
        if figure.numbers:
            part[f"{figure.id}.npz"] = npz_bytes(figure.numbers, compress=True)
        files[figure.id] = part
    return files


def _manifest(
    study: Study, made: Plan, files: dict[str, dict[str, bytes]], command: str | None
) -> dict[str, Any]:
    """What made the gallery: versions, settings, seeds, hashes, time."""
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
        "figures": [_entry(figure, files[figure.id]) for figure in made.figures()],
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
