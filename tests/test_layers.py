from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import redsc

ROOT = Path(redsc.__file__).parent
# DESIGN section 2: a module imports from its own layer and the layers before it.
LAYERS = (
    (
        *("errors", "codes", "files", "units", "limits", "colors", "settings_file", "targets"),
        *("choices", "budgets", "option_texts", "options", "progress", "store", "version"),
    ),
    ("ir",),
    ("formats",),
    ("runtime",),
    ("cost",),
    ("engine",),
    ("passes",),
    ("codegen",),
    ("report",),
    ("compile",),
    ("sweep",),
    ("cli",),
)
FILE_FORMAT_PACKAGES = {"onnx", "tflite", "flatbuffers"}
HEAVY_PACKAGES = {
    *FILE_FORMAT_PACKAGES,
    *("numpy", "onnxruntime", "onnx_graphsurgeon", "ai_edge_litert", "tflite_micro", "ortools", "networkx"),
    *("torch", "jinja2", "distributed"),
}
MODULES = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")}


def _imported(path: Path) -> set[str]:
    """Return the modules that a file imports, at its top or inside functions, also through importlib."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            text = node.args[0]
            if isinstance(text, ast.JoinedStr):
                text = text.values[0]
            if isinstance(text, ast.Constant):
                found.add(str(text.value))
    return found


def _layer(module: str) -> int | None:
    """Return the number of a module's layer; None for the package itself."""
    parts = module.split(".")
    return next((i for i, layer in enumerate(LAYERS) if len(parts) > 1 and parts[1] in layer), None)


def test_every_module_has_a_layer() -> None:
    homeless = [m for m in MODULES if _layer(m) is None and m not in ("redsc.__init__", "redsc.__main__")]
    assert homeless == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_from_layers_before_it_only(module: str) -> None:
    own = _layer(module)
    wrong = [
        name
        for name in _imported(MODULES[module])
        if name.startswith("redsc.") and own is not None and (_layer(name) or 0) > own
    ]
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    paths = {module.removesuffix(".__init__"): path for module, path in MODULES.items()}
    needs = {
        module: {name for name in _imported(path) & paths.keys() if not f"{module}.".startswith(f"{name}.")}
        for module, path in paths.items()  # what a module has from its own package are modules of that
    }
    TopologicalSorter(needs).prepare()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_formats_know_file_formats(module: str) -> None:
    packages = {name.split(".")[0] for name in _imported(MODULES[module])}
    if not module.startswith("redsc.formats."):
        assert packages & FILE_FORMAT_PACKAGES == set()


@pytest.mark.parametrize("module", ["redsc", "redsc.cli"])
def test_the_face_of_the_program_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY_PACKAGES == set()
