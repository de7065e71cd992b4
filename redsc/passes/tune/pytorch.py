"""PyTorch as tuning needs it: there, and with the same bits every time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from redsc.errors import UsageError

__all__ = ["deterministic", "require_torch"]

_CODE = "U221"


def require_torch(device: str) -> None:
    """Check that PyTorch and a device are there.

    Raises:
        UsageError: they are not.
    """
    if find_spec("torch") is None:
        raise UsageError("tuning needs PyTorch", code=_CODE, hint="pip install redsc[tune]")
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        raise UsageError(f"there is no device {device!r} for tuning", code=_CODE, hint="tune on the cpu")


@contextmanager
def deterministic() -> Iterator[None]:
    """Let PyTorch give the same bits every time, on any number of cores: sums depend on how many share them."""
    import torch

    fill = torch.utils.deterministic.fill_uninitialized_memory
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # networks of this size gain little from a second one
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # slow, and nothing here reads such memory
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = fill
