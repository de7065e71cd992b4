from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Networks of tests are so small that threads of PyTorch only wait for each other."""
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install redsc[tune]")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
