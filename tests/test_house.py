"""The house: which package may import which, read from the source; and what `import nnviz` loads.

A file imports from its own package and from packages to its left, never to its right, and never in
a circle. The exceptions are named here, one by one.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "nnviz"
ORDER = ["errors", "files", "engine", "formats", "training", "inspection", "draw", "report", "cli"]
"""From left to right."""

MAY_READ = {name: set(ORDER[:i]) for i, name in enumerate(ORDER)}
MAY_READ["data"] = {"errors", "files"}
for reader in ("training", "inspection", "draw", "report", "cli"):
    MAY_READ[reader].add("data")
# Nothing imports these three; the root is the shop window.
MAY_READ["testing"] = MAY_READ["compat"] = {*ORDER[:-1], "data"}
MAY_READ["__main__"] = {"cli"}
MAY_READ["__init__"] = {*ORDER, "data", "testing"}

EXCEPTIONS = {
    ("engine/model.py", name)
    for name in ("fit", "evaluate", "save", "to_onnx", "run_onnx", "summary")
}
"""Conveniences on Model that import their home inside the method; so do displays in notebooks."""
ROOTS_CONSTANT = ("nnviz", "__version__")
"""All may read it: it stands at the root's top, where every packager looks for it."""
DISPLAYS = ("_repr_html_", "_repr_png_", "_repr_svg_", "_repr_mimebundle_")

THIRD_PARTY = {
    "numpy": {*ORDER, "data", "testing", "compat", "__init__"},
    "threadpoolctl": {"engine", "formats", "training", "inspection"},
    "scipy": {"engine", "formats", "training", "inspection"},
    "tqdm": {"training", "inspection", "report"},
    "pooch": {"data"},
    "PIL": {"data", "draw"},
    "onnx": {"formats"},
    "matplotlib": {"draw"},
    "jinja2": {"report"},
    "skimage": {"inspection"},
    "sklearn": {"inspection"},
}
LATE = {"scipy", "matplotlib", "PIL", "tqdm", "pooch", "jinja2", "onnx", "skimage", "sklearn"}
"""Imported where they are first used, so that `import nnviz` costs little more than NumPy."""


def part_of(name: str) -> str:
    """The package of a file at the root: cli_data and its like are parts of the command line."""
    return "cli" if name.startswith("cli_") else name


@dataclass(frozen=True)
class Imported:
    """One import in one file."""

    file: str
    line: int
    target: str
    """The module, in full: `nnviz.engine.layer`, `numpy.linalg`."""
    function: str | None
    """The function that it stands in; None at the top level."""
    typing: bool
    """Under `if TYPE_CHECKING`."""

    @property
    def package(self) -> str:
        """The package, or the single file, of the file that imports."""
        return part_of(self.file.split("/")[0].removesuffix(".py"))

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.target}"


def module_exists(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def targets(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> list[str]:
    """The modules that an import statement in `module` names, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module or ""
    if node.level:
        here = module.split(".")
        here = here[: len(here) - node.level + is_package]
        base = ".".join([*here, base]).rstrip(".")
    found = []
    for alias in node.names:
        if (base, alias.name) == ROOTS_CONSTANT:
            continue
        inner = f"{base}.{alias.name}"
        found.append(inner if base.startswith("nnviz") and module_exists(inner) else base)
    return found


def imports_of(path: Path) -> list[Imported]:
    """All imports of a file, with where they stand."""
    file = path.relative_to(ROOT).as_posix()
    module = "nnviz." + file.removesuffix(".py").replace("/", ".")
    is_package = path.name == "__init__.py"
    module = module.removesuffix(".__init__")
    found: list[Imported] = []

    def walk(node: ast.AST, function: str | None, typing: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                for target in targets(child, module, is_package):
                    found.append(Imported(file, child.lineno, target, function, typing))
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            walk(child, child.name if inside else function, typing or checking)

    walk(ast.parse(path.read_text(encoding="utf-8")), None, False)
    return found


FILES = sorted(ROOT.rglob("*.py"))


@cache
def every() -> list[Imported]:
    """All imports of the package."""
    return [one for path in FILES for one in imports_of(path)]


def is_excepted(one: Imported) -> bool:
    """One of the named exceptions, or a type hint in the file that has them."""
    display = one.package == "inspection" and one.function in DISPLAYS
    hint = one.typing and one.file in {file for file, _ in EXCEPTIONS}
    return display or hint or (one.file, one.function) in EXCEPTIONS


def test_the_imports_are_found():
    assert len(every()) > 100
    found = {str(one).split(" ", 1)[1] for one in every() if one.file == "engine/rerun.py"}
    assert "imports nnviz.engine.walk" in found
    assert [one for one in every() if one.file == "engine/model.py" and one.function == "fit"]
    assert [one for one in every() if one.typing]


def test_a_file_imports_only_from_its_own_package_and_from_the_left():
    wrong = []
    for one in every():
        if not one.target.startswith("nnviz") or is_excepted(one):
            continue
        package = part_of(one.target.split(".")[1]) if "." in one.target else "__init__"
        if package != one.package and package not in MAY_READ[one.package]:
            wrong.append(str(one))
    assert not wrong, "\n".join(wrong)


def test_no_file_imports_in_a_circle():
    edges: dict[str, set[str]] = {}
    for one in every():
        if one.function is None and not one.typing and one.target.startswith("nnviz"):
            source = f"nnviz.{one.file.removesuffix('.py').replace('/', '.')}"
            source = source.removesuffix(".__init__")
            # A module's packages are imported before it, save those that the importer lies in.
            parts = one.target.split(".")
            parents = {".".join(parts[:i]) for i in range(1, len(parts))}
            parents = {name for name in parents if not f"{source}.".startswith(f"{name}.")}
            edges.setdefault(source, set()).update(parents, {one.target})
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, "a circle: " + " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for target in sorted(edges.get(module, ())):
                visit(target, (*way, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())


def test_third_party_packages_stay_in_their_places():
    wrong = []
    for one in every():
        name = one.target.split(".")[0]
        if name in sys.stdlib_module_names or name == "nnviz":
            continue
        if one.package not in THIRD_PARTY.get(name, ()):
            wrong.append(str(one))
    assert not wrong, "\n".join(wrong)


def test_what_is_slow_to_import_is_imported_where_it_is_used():
    wrong = [
        str(one)
        for one in every()
        if one.target.split(".")[0] in LATE and one.function is None and not one.typing
    ]
    assert not wrong, "\n".join(wrong)


def test_every_named_exception_is_still_needed():
    used = {(one.file, one.function) for one in every()}
    assert not EXCEPTIONS - used


@pytest.mark.parametrize("first", ["nnviz", "nnviz.engine.model", "nnviz.data", "nnviz.cli"])
def test_importing_loads_nothing_slow(first):
    code = f"import sys, {first}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & LATE


def test_files_are_short_and_say_what_lives_in_them():
    for path in [*FILES, *Path(__file__).parent.glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, f"{path} is too long"
        if text.strip():
            assert ast.get_docstring(ast.parse(text)), f"{path} does not say what lives here"
        assert path.stem not in ("utils", "util", "helpers", "common", "misc")


def test_functions_are_short():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= 60, f"{path}: {node.name} has {lines} lines"


def test_nobody_uses_the_global_random_state_or_a_pickle():
    banned = ("np.random.seed", "np.random.rand", "np.random.normal", "allow_pickle=True")
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not [word for word in banned if word in text], path
        assert "import pickle" not in text
