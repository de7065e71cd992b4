"""What a file may ask for before redsc stops. docs/security.md says where each limit holds."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_LIMITS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that hold before anything is allocated or looped over. Sizes are in bytes."""

    file_bytes: int = 256 << 20
    data_bytes: int = 2 << 30
    log_bytes: int = 64 << 20
    text_bytes: int = 1 << 20
    nodes: int = 20_000
    tensors: int = 100_000
    slots: int = 64
    tables: int = 100
    rank: int = 8
    tensor_elements: int = 1 << 28
    folded_bytes: int = 32 << 20
    folded_work: int = 1 << 27
    grown_bytes: int = 1 << 20
    known_elements: int = 1024
    rounds: int = 64
    growth: int = 24
    nesting: int = 64
    unrolled: int = 4096
    live_pairs: int = 1 << 21
    name_chars: int = 4096
    arena_bytes: int = 64 << 20
    macs: int = 10_000_000_000
    executor_seconds: int = 60


DEFAULT_LIMITS = Limits()
