"""The machine: what it is, and how fast it multiplies."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from .race import THREADS, Runner

SIDE, TIMES = 2048, 3
"""Rows and columns of the product whose rate the others are measured by; so many in a row."""


def product_rate() -> Runner:
    """Seconds for one floating-point operation of NumPy's own product, float32, on all threads that
    both sides have."""
    a = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    out = np.empty_like(a)

    def runner() -> float:
        with threadpool_limits(THREADS, "blas"):
            began = time.perf_counter()
            for _ in range(TIMES):
                np.matmul(a, a, out=out)
            return (time.perf_counter() - began) / (TIMES * 2 * SIDE**3)

    return runner


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def facts() -> dict[str, Any]:
    """What a reader must know to judge the numbers."""
    blas = next((i for i in threadpool_info() if i["user_api"] == "blas"), {})
    words = (blas.get("internal_api"), blas.get("version"), blas.get("architecture"))
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "threads": THREADS,
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
        "blas": " ".join(str(word) for word in words if word),
        "written": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "torch", "captum", "matplotlib")},
        },
    }


def version(name: str) -> str | None:
    """A package's version, or None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def told(known: dict[str, Any]) -> str:
    """The facts in two lines."""
    versions = ", ".join(f"{name} {number}" for name, number in known["versions"].items() if number)
    return (
        f"{known['processor']}, {known['cores']} cores, {known['threads']} threads each, "
        f"NumPy's BLAS {known['blas']}, load {known['load']} at the start\n{versions}"
    )
