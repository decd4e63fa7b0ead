"""The page without a browser: sound HTML, a text for every picture, nothing from outside, little
script, colours that can be read and told apart."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from checked_html import Checked
from pages import CASES, Page, write_case

import nnviz.report
from nnviz.draw.chart import INK
from nnviz.draw.colour import CATEGORIES, DIVERGING, SEQUENTIAL, table
from nnviz.report.page import squeezed
from nnviz.report.words import WORDS

TEMPLATES = Path(nnviz.report.__file__).parent / "templates"
BUDGET = 40_000
"""Bytes of all scripts and style sheets together."""
CSS = (TEMPLATES / "page.css").read_text("utf-8")

every_case = pytest.mark.parametrize("case", CASES)


def text_of(galleries, case):
    return (galleries(case)[0] / "index.html").read_text("utf-8")


@every_case
def test_the_html_is_sound(galleries, case):
    assert Checked(text_of(galleries, case)).wrong == []


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("<p><div></div></p>", "<div> in <p>"),
        ("<ul><p></p></ul>", "<p> in <ul>"),
        ("<i id='a'></i><i id='a'></i>", "id 'a' stands twice"),
        ("<label for='b'>x</label>", "leads nowhere"),
        ("<a href='#c'>x</a>", "the link #c leads nowhere"),
        ("<a href='x'><button>y</button></a>", "two things to press"),
        ("<table>text</table>", "directly in <table>"),
        ("<div/>", "closes itself"),
        ("<b><i></b></i>", "</b> where"),
        ("<p>", "never closed"),
    ],
)
def test_what_is_not_sound_is_found(part, said):
    wrong = Checked(f"<!doctype html><html><body>{part}</body></html>").wrong
    assert any(said in line for line in wrong), wrong


@every_case
def test_every_picture_has_a_text_that_says_what_is_on_it(galleries, case):
    page = Checked(text_of(galleries, case))
    for image in page.all("img"):
        alt = (image.get("alt") or "").strip()
        assert len(alt) >= 8, alt
        assert not re.fullmatch(r"(map|picture|image|figure) \d+", alt)
    drawings = [attrs for tag, attrs, inside in page.tags if tag == "svg" and "svg" not in inside]
    titles = [
        attrs for tag, attrs, inside in page.tags if tag == "title" and inside[-1:] == ("svg",)
    ]
    assert all(attrs.get("role") == "img" for attrs in drawings)
    assert len(titles) == len(drawings)
    for attrs in page.all("canvas"):
        assert attrs.get("aria-label") or attrs.get("aria-labelledby") or attrs.get("aria-hidden")


def test_maps_are_told_by_class_method_and_place(galleries):
    page = Page(text_of(galleries, "digits"))
    alts = [image["alt"] for image in page.all("img")]
    for wanted in (
        r"Grad-CAM \(plain\) map of picture \d+ \(\S+\) for class \S+; (strongest in the|the same)",
        r"occlusion map: what covering each place of picture \d+ \(\S+\) costs the score of \S+; "
        r"(most (red|blue) in the|the same)",
        r"weights of filter 0 of conv2d_1; most red in the",
        r"answer of channel 0 of conv2d_1/relu to picture \d+ ",
        r"what speaks for \S+ rather than \S+ in picture",
    ):
        assert any(re.match(wanted, alt) for alt in alts), wanted


@every_case
def test_nothing_comes_from_outside(galleries, case):
    text = text_of(galleries, case)
    for tag, attrs, _ in Checked(text).tags:
        for key, value in attrs.items():
            if key in ("src", "href", "xlink:href", "action", "srcset", "poster", "data"):
                assert not re.match(r"\s*([a-z]+:)?//|\s*javascript:", value or "", re.I), (
                    tag,
                    value,
                )
    for sheet in re.findall(r"<style>(.*?)</style>", text, re.DOTALL):
        assert "url(" not in sheet
        assert "@import" not in sheet


def test_scripts_and_styles_are_small():
    """As they stand on the page, without the comments that are for whoever writes them."""
    sizes = {
        p.name: len(squeezed(p.read_text("utf-8"), p.suffix[1:]).encode())
        for p in TEMPLATES.iterdir()
        if p.suffix in (".js", ".css")
    }
    assert sum(sizes.values()) <= BUDGET, sizes


@pytest.mark.parametrize(
    ("style", "short"),
    [
        (
            "/* Why:\n   it's so. */\na { b: c; }\n  /* more */\n\n  .d > e, f { g: h; }\n",
            "a{b:c}.d>e,f{g:h}",
        ),
        (
            ".a :is(b, c) , d::e { f: calc(1px + 2px) -3px; }",
            ".a :is(b,c),d::e{f:calc(1px + 2px) -3px}",
        ),
        (
            "@media screen and (min-width: 1px) { * { a: 1 / -1; } }",
            "@media screen and (min-width:1px){*{a:1 / -1}}",
        ),
        (".a [b='c  ; }'] { d: url('/*x*/') ; }", ".a [b='c  ; }']{d:url('/*x*/')}"),
    ],
)
def test_a_style_is_squeezed(style, short):
    assert squeezed(style, "css") == short


@pytest.mark.parametrize(
    ("script", "short"),
    [
        (
            "const a = 1, b = a - -a + +a; // don't\n/* `so` */ go ( a )\n",
            "const a=1,b=a- -a+ +a;go(a)",
        ),
        (
            "let s = 'a  + b', t = \"/* ' */\", u = `x  ${ a + b }  //`;",
            "let s='a  + b',t=\"/* ' */\",u=`x  ${ a + b }  //`;",
        ),
        (
            "t.replace(/[/ ] + \"/g, ' ').split( /'\\/ x/ );",
            "t.replace(/[/ ] + \"/g,' ').split(/'\\/ x/);",
        ),
        ("a = b / c / d; r = / e  /;", "a=b/c/d;r=/ e  /;"),
        ("a = b\n(c)\nd = {\n  e: 1,\n}\nf()\n  .g()", "a=b\n(c)\nd={e:1,}\nf().g()"),
        (
            "if (a) return [b] in c; else for (;;) { d() ; }",
            "if(a)return[b]in c;else for(;;){d();}",
        ),
        ("while (a) ;\n}", "while(a);}"),
    ],
)
def test_a_script_is_squeezed(script, short):
    assert squeezed(script, "js") == short


def test_scripts_neither_evaluate_nor_ask_a_host():
    for path in TEMPLATES.glob("*.js"):
        text = path.read_text("utf-8")
        for bad in ("eval(", "new Function", "XMLHttpRequest", "WebSocket", "document.write",
                    "import(", "outerHTML", "insertAdjacentHTML"):  # fmt: skip
            assert bad not in text, (path.name, bad)
        # A string of our own may be put in as markup, data may not.
        assert not re.search(r"\.innerHTML\s*\+?=(?!\s*(\"\"|''|``)\s*;)", text), path.name
        assert not re.search(r"\bfetch\((?!\s*[`\"']data:)", text), path.name


@every_case
def test_headings_and_landmarks(galleries, case):
    page = Checked(text_of(galleries, case))
    levels = [int(tag[1]) for tag, _, inside in page.tags
              if re.fullmatch("h[1-6]", tag) and "dialog" not in inside]  # fmt: skip
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels)), levels
    for name in ("header", "nav", "main", "footer"):
        assert len([1 for t, _, inside in page.tags if t == name and inside[-1] == "body"]) == 1
    assert page.all("nav")[0]["aria-label"]
    links = page.all("a")
    assert links[0]["class"] == "skip"
    assert "tabindex" not in {k for _, attrs, _ in page.tags for k, v in attrs.items()
                              if v not in ("0", "-1")}  # fmt: skip


# Chinese ----------------------------------------------------------------------------------------

KNOWN = r"""[A-Z][\w.-]+( (et al\.|and [A-Z]\w+))? \d{4}(, section \d+)?|arXiv:[\d.]+
|[A-Z]\w+ et al\.|MNIST test digits|made by a test"""
"""What stays English: papers, names of data."""


def test_a_chinese_page_has_no_english_sentence(tmp_path):
    write_case("two classes", tmp_path, lang="zh")
    page = Page((tmp_path / "index.html").read_text("utf-8"))
    assert page.all("html")[0]["lang"] == "zh-Hans"
    english = [line for key, line in WORDS["en"].items() if len(line) > 25 and "{" not in line]
    lines = [*page.texts, *(str(a.get("alt", "")) for a in page.all("img"))]
    for line in lines:
        assert not any(sentence in line for sentence in english), line
    # Three English words in a row are a sentence, but for code, settings, papers and file names.
    code = {t for t in page.texts if "nv." in t or "import" in t}
    for line in lines:
        if line in code or not re.search("[A-Za-z]", line):
            continue
        told = re.sub("图中：.*", "", line)  # what the English words of a chart mean
        rest = re.sub(KNOWN, "", re.sub(r"\(.*?\d{4}.*\)$", "", told), flags=re.VERBOSE)
        rest = re.sub(r"(\w+ \S+, )*\w+ \S+$", "", rest) if ", " in rest else rest
        assert not re.search(r"\b[a-z]{2,} [a-z]{2,} [a-z]{2,}\b", rest), line
    assert not any("。 " in line.strip() for line in page.texts)


# Colours ----------------------------------------------------------------------------------------


def variables(block):
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def palettes():
    first, second = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    return {"light": variables(first), "dark": variables(first) | variables(second)}


def linear(rgb):
    share = np.asarray(rgb, float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2.1, success criterion 1.4.3: (L1 + 0.05) / (L2 + 0.05)."""
    lights = [linear([int(c[i : i + 2], 16) for i in (1, 3, 5)]) @ [0.2126, 0.7152, 0.0722]
              for c in (one, other)]  # fmt: skip
    return (max(lights) + 0.05) / (min(lights) + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("accent", "paper"),
     ("accent", "card"), ("warn", "warn-paper")],
)  # fmt: skip
def test_text_stands_out_from_its_paper(scheme, ink, paper):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    colours = palettes()[scheme]
    assert contrast(colours[ink], colours[paper]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_words_of_charts_stand_out_from_their_sheet(scheme):
    assert contrast(INK, palettes()[scheme]["sheet"]) >= 4.5


# Machado, Oliveira, Fernandes 2009, table 1, severity 1.0: what is left of linear RGB.
BLIND = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "none": np.eye(3).tolist(),
}  # fmt: skip
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip


def seen(rgb, blindness):
    """CIE Lab (…, 3) of colours as somebody with a colour blindness sees them."""
    light = np.clip(linear(rgb) @ np.array(BLIND[blindness]).T, 0, 1)
    share = light @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    curve = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    a, b, c = np.moveaxis(curve, -1, 0)
    return np.stack([116 * b - 16, 500 * (a - b), 200 * (b - c)], axis=-1)


@pytest.mark.parametrize("blindness", BLIND)
def test_heat_maps_can_be_read_without_seeing_red_or_green(blindness):
    for name in (SEQUENTIAL, "viridis"):
        light = seen(table(name), blindness)[:, 0]
        assert (np.diff(light) > -0.35).all(), "brighter must mean more"
        assert light[-1] - light[0] > 60
    lab = seen(table(DIVERGING), blindness)
    low, middle, high = lab[:128, 0], lab[127:129, 0].min(), lab[128:, 0]
    assert (np.diff(low) > -0.35).all()
    assert (np.diff(high) < 0.35).all()
    assert middle > 90
    for k in (0, 16, 32, 64):
        assert np.linalg.norm(lab[k] - lab[255 - k]) > 25, "both signs must be told apart"


@pytest.mark.parametrize("blindness", BLIND)
def test_the_classes_colours_can_be_told_apart(blindness):
    colours = seen(CATEGORIES, blindness)
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) > 15
