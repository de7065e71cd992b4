"""The page about the source names what is there, in the order that the tests of layers ask for."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from tests.test_layers import LAYERS

PAGE = (ROOT / "docs" / "source.md").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:redsc|tests|benchmarks)/[^`*]*)`", PAGE))))
def test_what_the_page_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_folders_stand_in_the_order_of_the_layers() -> None:
    folders = [name for layer in LAYERS for name in layer if (ROOT / "redsc" / name).is_dir()]
    assert re.findall(r"^\| `redsc/(\w+)/`", PAGE, re.MULTILINE) == folders
