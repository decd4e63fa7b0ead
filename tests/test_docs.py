"""The documents' code runs, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnviz.cli import main
from nnviz.inspection.attribution import METHODS
from nnviz.inspection.attribution.methods import FAMILIES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "models", ROOT / "examples")
    for path in folder.glob("*.md")
)


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=page_id)
def test_the_python_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    known = dict(METHODS)
    try:
        for block in blocks(path, "python"):
            exec(compile(block, str(path), "exec"), scope)
    finally:  # a page may enter a method of its own
        METHODS.clear()
        METHODS.update(known)


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_the_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_commands_of_the_readme_are_commands():
    lines = "\n".join(blocks(ROOT / "README.md", "sh"))
    found = set(re.findall(r"python -m nnviz (\w+)", lines))
    assert {"report", "train", "evaluate", "summary", "diagram", "explain"} <= found
    for command in found:
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0


def test_the_two_commands_are_one_line_each():
    lines = "\n".join(blocks(ROOT / "README.md", "sh")).splitlines()
    setups = [line for line in lines if line.startswith("python3 -m venv")]
    assert [line.rsplit(" ", 1)[-1] for line in setups] == ["report", "pytest"]


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_no_figure_is_missing(path):
    assert not re.search(r"@[A-Z]+@", path.read_text(encoding="utf-8"))


def methods_page() -> str:
    """The page of all attribution methods, from what they say of themselves."""
    rows = [
        f"| `{m.name}` | {m.family} | {m.reference} | {m.needs or 'any model for pictures'} | "
        f"{m.cost} | {'signed' if m.signed else 'not negative'}"
        f"{', seeded' if m.stochastic else ''} |"
        for m in sorted(METHODS.values(), key=lambda m: FAMILIES.index(m.family))
    ]
    head = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").split("\n| method")[0]
    columns = ("method", "family", "paper", "needs", "cost", "values")
    lines = [head, "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *rows]
    return "\n".join(lines) + "\n"


def test_the_table_of_methods_is_theirs(request):
    path, wanted = ROOT / "docs" / "methods.md", methods_page()
    if request.config.getoption("--regenerate"):
        path.write_text(wanted, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == wanted, "run pytest --regenerate"
