"""The documents' code runs, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nnviz.cli import main

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
    for block in blocks(path, "python"):
        exec(compile(block, str(path), "exec"), scope)


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
