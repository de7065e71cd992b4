from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

import redsc

ROOT = Path(redsc.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if path.read_text(encoding="utf-8").strip() and path.stem != "__main__"
)


def _tree(module: str) -> ast.Module:
    path = Path(*module.split("."))
    source = next(p for p in (ROOT.parent / path / "__init__.py", ROOT.parent / f"{path}.py") if p.exists())
    return ast.parse(source.read_text(encoding="utf-8"))


def _listed(module: str) -> list[str]:
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _is_command(node: ast.stmt) -> bool:
    """Whether click reaches a function by its name on the command line."""
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return any(re.search(r"\.(command|group)\b", ast.unparse(item)) for item in decorators)


def _has_list(module: str) -> bool:
    return any(isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__" for n in _tree(module).body)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_lists_its_public_names(module: str) -> None:
    code = [node for node in _tree(module).body if not isinstance(node, ast.Expr)]
    assert not code or _has_list(module)


def _natural(name: str) -> list[int | str]:
    """Return a key by which I8 comes before I16."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@pytest.mark.parametrize("module", MODULES)
def test_the_list_is_sorted_and_has_no_duplicates(module: str) -> None:
    listed = _listed(module)
    constants = [name for name in listed if name.isupper()]
    classes = [name for name in listed if name[0].isupper() and not name.isupper()]
    functions = [name for name in listed if not name[0].isupper()]
    wanted = [name for kind in (constants, classes, functions) for name in sorted(kind, key=_natural)]
    assert listed == wanted  # ruff's RUF022
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("module", MODULES)
def test_listed_names_exist(module: str) -> None:
    if module.endswith("__main__"):
        pytest.skip("importing it runs it")
    found = importlib.import_module(module)
    assert [name for name in _listed(module) if not hasattr(found, name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_and_classes_are_listed(module: str) -> None:
    statements = [node for node in _tree(module).body if not _is_command(node)]
    defined = [node.name for node in statements if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    listed = _listed(module)
    assert [name for name in defined if not name.startswith("_") and name not in listed] == []
