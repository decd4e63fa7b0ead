"""What all tests share: where the real data is, and how hypothesis looks for cases."""

from __future__ import annotations

import os
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
