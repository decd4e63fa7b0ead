"""What all tests share: where the real data is, and how hypothesis looks for cases."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "nnviz",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("nnviz")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that want it are skipped on a machine without it."""
    beside = Path(__file__).resolve().parents[1] / "../shared/data"
    folder = Path(os.environ.get("NNVIZ_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real data here: set NNVIZ_SHARED_DATA to its folder")
    return folder


def pytest_addoption(parser):
    parser.addoption(
        "--regenerate", action="store_true", help="write the golden files anew instead of checking"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """The whole suite runs on all cores (at most 4) where pytest-xdist is; files named on the
    command line run in this process, as does everything with `-n 0`."""
    if hasattr(config, "workerinput") or not config.pluginmanager.hasplugin("xdist"):
        return  # one of the processes calls this as well: it must not start others
    whole = config.args_source is config.ArgsSource.TESTPATHS
    if whole and not (config.option.usepdb or config.option.regenerate):
        if config.option.numprocesses is None:
            config.option.numprocesses = min(4, os.cpu_count() or 1)
        if config.option.dist == "no":
            config.option.dist = "worksteal"


def pytest_collection_modifyitems(items):
    """What reads a gallery comes first, all of it beside each other: then one process makes it."""
    items.sort(key=lambda item: "galleries" not in item.fixturenames)


@pytest.fixture
def golden(request):
    """`golden(name, text)`: the text is what the golden file says; a missing file fails."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--regenerate"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{text}\n", encoding="utf-8")
        assert path.is_file(), f"{path} is missing: run pytest --regenerate and look at it"
        assert f"{text}\n" == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def shipped():
    """The shipped model; tests that want it are skipped where the checkout has none."""
    from nnviz.formats import load
    from nnviz.formats.shipped import shipped_models

    if "mnist-cnn" not in shipped_models():
        pytest.skip("models/mnist-cnn.npz is not here: train it first")
    return load("mnist-cnn")


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> Path:
    """A folder with a small data set, a model file and a few pictures, as a user has them."""
    from commands import make_world

    folder = tmp_path_factory.mktemp("world")
    make_world(folder)
    return folder


@pytest.fixture(scope="session")
def galleries(tmp_path_factory):
    """`galleries(case)`: the folder of a case's gallery and the paths written; each made once."""
    from pages import write_case

    made = {}

    def get(case: str):
        if case not in made:
            folder = tmp_path_factory.mktemp(case.replace(" ", "-"))
            made[case] = folder, write_case(case, folder)
        return made[case]

    return get


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by playwright. Where there is none the tests are skipped with a reason,
    unless NNVIZ_BROWSER is "required", as `.ci/run` has it: then they fail."""
    required = os.environ.get("NNVIZ_BROWSER") == "required"
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program, sync_playwright = None, None
    if program is None or sync_playwright is None:
        reason = "no browser here: install playwright (pip) and chromium"
        (pytest.fail if required else pytest.skip)(reason)
    with sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield launched
        launched.close()
