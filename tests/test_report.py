"""The report's page, for models of all kinds: sound, safe, and true."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from networks import SEEN
from pages import CASES, HOSTILE, Page, cnn, dataset, hurried
from PIL import Image
from test_calibration import judged

import nnviz as nv
from nnviz.report import adjust, fails, firmness, write_report
from nnviz.report.cache import FOLDER
from nnviz.report.study import Study, fill_for
from nnviz.report.why import in_steps_of
from nnviz.report.words import EN, isolated, place_words, say, told

every_case = pytest.mark.parametrize("case", CASES)


@every_case
def test_what_is_written_is_there_and_as_the_manifest_says(galleries, case):
    folder, paths = galleries(case)
    assert sorted(paths) == sorted(path for path in folder.iterdir() if path.name != FOLDER)
    assert [p.name for p in paths[-2:]] == ["manifest.json", "index.html"]
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    named = {name: sha for figure in manifest["figures"] for name, sha in figure["files"].items()}
    assert set(named) == {p.name for p in paths[:-2]}
    for name, sha in named.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha
    assert manifest["data"]["pictures"] == CASES[case][1].get("n", 12)
    assert manifest["model"]["name"] == case
    for path in folder.glob("*.png"):
        Image.open(path).verify()
    for path in folder.glob("*.npz"):
        with np.load(path) as arrays:
            assert all(np.isfinite(a).all() for a in arrays.values())


@every_case
def test_the_page_is_sound(galleries, case):
    folder, paths = galleries(case)
    text = (folder / "index.html").read_text("utf-8")
    page = Page(text)
    assert text.startswith("<!doctype html>")
    ids = Counter(attrs["id"] for _, attrs in page.tags if "id" in attrs)
    assert ids.most_common(1)[0][1] == 1, "an id stands twice"
    for link in page.all("a"):
        target = link["href"]
        assert target[1:] in ids if target[0] == "#" else (folder / target).is_file(), target
    for image in page.all("img"):
        assert image["alt"].strip()
        assert image["src"].startswith("data:image/png;base64,")
    assert page.all("html")[0]["lang"] == "en"
    assert [h for h in ("How it works", "What to adjust", "Where it fails", "Why it decided so")
            if h not in page.words] == []  # fmt: skip
    assert "{{" not in text.replace("{{x}}", "")
    assert "{%" not in text.replace("{% x %}", "")
    assert not re.search(r"\bnan\b|\binf\b|None\b|-0\.0\b", page.words)
    assert {p.name for p in paths if p.suffix != ".html"} <= {a["href"] for a in page.all("a")}


@every_case
def test_the_page_asks_no_host(galleries, case):
    text = (galleries(case)[0] / "index.html").read_text("utf-8")
    page = Page(text)
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    ours = "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert policy == f"default-src 'none'; img-src data:; {ours}"
    for _, attrs in page.tags:
        for key, value in attrs.items():
            if key in ("src", "href", "xlink:href", "style", "action", "srcset"):
                assert not re.search(r"(https?:)?//", value.split(",")[0]), (key, value[:80])
            assert not key.startswith("on")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert not [script for script in page.all("script") if "src" in script]
    assert len(text) < 10_000_000


def test_names_come_out_as_text(galleries):
    folder, _ = galleries("hostile names")
    text = (folder / "index.html").read_text("utf-8")
    assert "<script>alert" not in text
    words = Page(text).words
    for name in HOSTILE:
        assert name in words
    assert isolated("שלום") == "\u2068שלום\u2069"
    assert isolated("cat") == "cat"


def test_names_of_model_and_nodes_come_out_as_text(tmp_path):
    layers = [nv.Conv2D(2, 3, name="<b>\"'$x_"), nv.ReLU(name="</svg>"), nv.Flatten(), nv.Dense(2)]
    model = nv.Sequential(layers, (8, 8, 1))
    name = "<img src=x onerror=1>\"' 😀 &amp; {{1}}"
    with hurried():
        write_report(model, dataset(model, 4), tmp_path, name=name, verbose=False)
    page = Page((tmp_path / "index.html").read_text("utf-8"))
    assert name in page.words
    assert not [image for image in page.all("img") if image["src"] == "x"]
    assert "<b>\"'$x_ (Conv2D)" in page.words
    assert not page.all("b")
    code = next(t for t in page.texts if "nv.filters" in t)
    compile(code.replace("…", "..."), "page", "exec")


# What each kind of model gets -------------------------------------------------------------------


def figures(galleries, case):
    folder, _ = galleries(case)
    return [f["id"] for f in json.loads((folder / "manifest.json").read_text("utf-8"))["figures"]]


def words(galleries, case):
    return Page((galleries(case)[0] / "index.html").read_text("utf-8")).words


def test_a_classifier_gets_everything(galleries):
    assert figures(galleries, "digits") == [
        "structure", "ideal-classes", "filters-first", "features-first", "ideal-filters",
        "features-deep", "filters-deep", "embedding", "sizes", "activations", "weights",
        "confusion", "per-class", "mistakes", "mistakes-unsure", "pictures", "calibration", "flips",
        "occlusion", "methods", "contrast", "occlusion-guide", "cam", "saliency", "trust",
    ]  # fmt: skip


def test_without_a_convolution_there_are_no_filters_and_no_cam(galleries):
    got = figures(galleries, "no convolution")
    assert got[0] == "structure"
    assert not {"filters-first", "features-first", "cam"} & set(got)
    assert "found out in several ways" in words(galleries, "no convolution")


def test_without_labels_nobody_says_what_is_wrong(galleries):
    assert not {"confusion", "per-class", "mistakes", "calibration", "flips"} & set(
        figures(galleries, "no labels")
    )
    said = words(galleries, "no labels")
    assert "The pictures came without labels" in said
    assert "and wrong" not in said.split("How this was made")[0]


@pytest.mark.parametrize("case", ["a plain number", "a picture"])
def test_without_classes_there_is_nothing_to_explain(galleries, case):
    assert not {"confusion", "occlusion", "cam", "saliency", "ideal-classes"} & set(
        figures(galleries, case)
    )
    said = words(galleries, case)
    assert "output means no classes" in said
    assert "sure" not in said.split("How this was made")[0]


def test_one_sigmoid_is_two_classes(galleries):
    got = set(figures(galleries, "one number"))
    assert {"ideal-classes", "confusion", "per-class", "mistakes", "calibration", "flips",
            "occlusion", "cam", "saliency"} <= got  # fmt: skip
    said = words(galleries, "one number")
    assert "decides which of 2 classes it shows: 0, 1" in said
    assert "not shown" not in said
    assert "model = nv.as_classifier(model)" in said
    assert "as_classifier" not in words(galleries, "two classes")


@pytest.mark.parametrize(
    ("sure", "right", "said"),
    [(0.8, 80, "fits how often it is right: 80.0% and 80.0%"), (0.99, 70, "claims too much"),
     (0.6, 90, "is better than it says")],
)  # fmt: skip
def test_the_calibrations_title_is_computed(sure, right, said):
    y = np.zeros(100, int)
    y[right:] = 1
    found = judged(np.tile([sure, 1 - sure], (100, 1)), y)
    found = replace(found, interval=nv.inspection.evaluation.wilson(right, 100))
    model = cnn((12, 12, 1), 2)
    study = Study(model, dataset(model), 0, "a", "", "")
    assert said in firmness.reliability(study, found).title
    told = [line for line in fails.advice(study, found) if "temperature scaling" in line]
    assert bool(told) == (sure > 0.9)


@pytest.mark.parametrize(("n", "fits"), [(1, False), (8, False), (100, True)])
def test_of_few_pictures_nobody_knows_whether_it_claims_too_much(n, fits):
    y = np.arange(n) % 2
    found = judged(np.tile([0.55, 0.45], (n, 1)), y)
    found = replace(found, interval=nv.inspection.evaluation.wilson(-(-n // 2), n))
    assert firmness.agreement(found) == ("right" if fits else "few")


def test_what_flips_is_said():
    model = cnn((12, 12, 1), 3)
    data = dataset(model, 20)
    answers = model.predict(data.x).argmax(axis=1)
    figure = firmness.shaken(Study(model, replace(data, y=answers), 0, "a", "", ""))
    assert len(figure.table.rows) == 12
    assert figure.table.rows[0][0] == "moved 1 pixel down"
    assert re.search(r"turns [\d.]+% of the right answers wrong|No small change", figure.title)
    wrong = replace(data, y=(answers + 1) % 3)
    assert firmness.shaken(Study(model, wrong, 0, "a", "", "")) is None


def test_without_a_softmax_it_is_still_a_share_that_it_is_sure_of(galleries):
    shares = [float(s) for s in re.findall(r"(-?[\d.]+)% sure", words(galleries, "no softmax"))]
    assert shares
    assert all(0 < share <= 100 for share in shares)


def test_the_guides_counts_add_up_to_its_places(galleries):
    text = (galleries("many classes")[0] / "index.html").read_text("utf-8")
    places = int(re.search(r"in steps of \d+ \((\d+) places\)", text)[1])
    tallies = re.findall(r'alt="answers at each place; ([^"]*)"', text)
    assert tallies
    for tally in tallies:
        assert sum(int(part.rsplit(": ", 1)[1]) for part in tally.split(", ")) == places


def test_of_many_classes_ten_are_shown_and_the_worst_twenty_listed(galleries):
    with np.load(galleries("many classes")[0] / "saliency.npz") as arrays:
        assert len(arrays["pictures"]) == 10
    text = (galleries("many classes")[0] / "index.html").read_text("utf-8")
    table = text[text.index('id="per-class"') :]
    assert table[: table.index("</table>")].count("<tr>") == 21


def test_a_model_without_a_history_says_so(galleries):
    assert "How the training went is not known" in words(galleries, "digits")


@pytest.mark.parametrize(
    "history", [[], "abc", [1], [{"accuracy": "x"}], [{"loss": 1}], {"accuracy": 1}], ids=str
)
def test_a_history_that_makes_no_sense_is_none(history):
    model = SEEN["wide"]()
    model.made["history"] = history
    study = Study(model, dataset(model), 0, "a", "", "")
    assert adjust.curves(study) is None


def epochs(*held_out, accuracy=0.9):
    return [{"accuracy": accuracy, "val_accuracy": v, "loss": 1.0} for v in held_out]


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        ([0.9, 0.91, 0.9101, 0.9102, 0.9103], "levelled off: the last 3 of 5 epochs"),
        ([0.5, 0.6, 0.7, 0.8, 0.9], "still rising when training stopped after 5 epochs"),
        ([0.5, 0.9, 0.8, 0.7, 0.6], "was best after epoch 2 of 5 and fell afterwards"),
        ([0.5, 0.9], "Accuracy over 2 epochs"),
        ([None, None], "Accuracy over 2 epochs"),
    ],
)
def test_the_curves_title_is_computed(held_out, said):
    model = SEEN["wide"]()
    model.made["history"] = epochs(*held_out)
    figure = adjust.curves(Study(model, dataset(model), 0, "a", "", ""))
    assert said in figure.title


# Words ------------------------------------------------------------------------------------------


def test_scores_show_the_drop():
    assert in_steps_of(7.5, 12.34) == "12.3"
    assert in_steps_of(13.2, -0.7) == "−0.7"
    assert in_steps_of(0.0004, 0.12345678) == "0.12346"
    assert in_steps_of(0.0, 1.25) == "1.2"


def test_warnings_name_what_they_are_said_of_and_stand_once():
    warnings = ["picture 0: it is zero: try", "picture 2: it is zero: try", "a pixel: is missed"]
    assert told(warnings, ["a", "b", "a"], "plain") == [
        "plain: a: it is zero: try",
        "plain: a pixel: is missed",
    ]
    assert told(warnings[:2], ["a", "b", "c"]) == ["a, c: it is zero: try"]
    assert told([], []) == []


def test_places_have_names():
    assert place_words(0, 0, 28, 28) == "upper left"
    assert place_words(14, 14, 28, 28) == "middle"
    assert place_words(27, 14, 28, 28) == "lower part"
    assert place_words(14, 44, 28, 45) == "right part"
    assert say("missing", reason="{x}") == "not shown: {x}"
    assert all(value.strip() for value in EN.values())


@pytest.mark.parametrize(
    ("background", "fill"), [(None, 0.5), (0.496, 0.5), (0.2, 0.5), (0.02, 0), (0.97, 1)]
)
def test_the_covering_square_has_the_colour_of_the_paper_where_there_is_one(background, fill):
    model = SEEN["digits"]()
    model.input = replace(model.input, background=background)
    study = Study(model, nv.data.load("sample"), 0, "a", "b", "c")
    assert fill_for(study) == fill
