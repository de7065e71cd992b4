"""What is installed here, and what each optional part enables."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from redsc.report.text import print_table
from redsc.store import default_folder
from redsc.version import __version__

__all__ = ["Installation", "Part", "find_installation", "print_installation"]

_NEEDED: Mapping[str, str] = {
    "ai-edge-litert": "LiteRT, the reference of all kernels",
    "click": "the command line",
    "flatbuffers": "TFLite files",
    "jinja2": "generated C files",
    "numpy": "numbers",
    "onnx": "ONNX files",
    "onnxruntime": "what an ONNX file computes",
    "ortools": "--select joint, arena plans",
    "rich": "tables and progress",
    "threadpoolctl": "the same sums on any number of cores",
    "tflite": "TFLite files",
}
_EXTRAS: Mapping[str, str] = {
    "tflm": "every level runs in the real TFLM, in an arena of exactly the computed size",
    "tune": "--tune, --importance taylor",
    "cluster": "redsc sweep --scheduler",
    "docs": "make docs: the documentation as a site",
    "fuzz": "benchmarks/guided_fuzzing.py: hostile files, guided by coverage",
}
_TOOLS: Mapping[tuple[str, ...], tuple[str, str]] = {  # of one name or another: what it enables, the Debian package
    ("cc", "gcc", "clang"): ("--backend c: every level runs on this machine", "gcc"),
    ("cmake",): ("redsc_add_model in CMake projects", "cmake"),
    ("ninja",): ("faster builds with CMake", "ninja-build"),
    ("arm-none-eabi-gcc",): ("compiling firmware for Cortex-M; redsc's own tests", "gcc-arm-none-eabi"),
    ("qemu-system-arm",): ("running firmware without a board; redsc's own tests", "qemu-system-arm"),
}
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRA = re.compile(r"extra == ['\"](\w+)['\"]")
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Part:
    """A package or a tool: what it is for and how to get it; `version` is None where it is not there."""

    name: str
    version: str | None
    enables: str
    get: str


@dataclass(frozen=True, slots=True)
class Installation:
    """This installation of redsc; `cache` is the folder of slow results, None where nothing is kept."""

    redsc: str
    python: str
    platform: str
    cache: str | None
    needed: tuple[Part, ...]
    optional: tuple[Part, ...]
    tools: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def find_installation() -> Installation:
    """Look at the packages and tools that redsc can use; none of them is imported."""
    folder = default_folder()
    packages = list(_packages())
    return Installation(
        redsc=__version__,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        cache=None if folder is None else folder.as_posix(),
        needed=tuple(part for part, is_optional in packages if not is_optional),
        optional=tuple(part for part, is_optional in packages if is_optional),
        tools=tuple(
            Part("/".join(names), _tool_version(names), enables, f"apt-get install {package}")
            for names, (enables, package) in _TOOLS.items()
        ),
    )


def _packages() -> Iterator[tuple[Part, bool]]:
    """Yield the packages that redsc's own metadata name, the first time they do, and whether they are optional."""
    seen = set[tuple[str, str]]()
    for text in _requirements():
        (name,), extra = _NAME.findall(text)[:1], _EXTRA.search(text)
        key = (name, extra[1] if extra else "")
        if key in seen or (extra and extra[1] not in _EXTRAS):
            continue
        seen.add(key)
        package = f"redsc[{extra[1]}]" if extra else "redsc"
        enables = _EXTRAS[extra[1]] if extra else _NEEDED.get(name, "")
        yield Part(name, _version(name), enables, f"pip install '{package}'"), extra is not None


def _requirements() -> list[str]:
    """Return the requirements of redsc, none where it runs without being installed."""
    try:
        return importlib.metadata.requires("redsc") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _tool_version(names: tuple[str, ...]) -> str | None:
    """Return the first line that the first of some programs says about itself, None where none is there."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        return None
    try:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return "does not run"
    return next(iter(said.stdout.splitlines()), "of no version")


def print_installation(found: Installation) -> None:
    """Print what is there, what is not, and how to get that."""
    print(f"redsc {found.redsc}, Python {found.python}, {found.platform}")
    print(f"slow results are kept in {found.cache}" if found.cache else "slow results are not kept")
    for title, parts in (("needed", found.needed), ("optional", found.optional), ("tools", found.tools)):
        if parts:
            print()
            print_table((title, "version", "enables", "to get it"), list(map(_cells, parts)))


def _cells(part: Part) -> tuple[str, ...]:
    return part.name, part.version or "-", part.enables, "" if part.version else part.get
