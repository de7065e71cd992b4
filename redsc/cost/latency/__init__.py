"""Time and energy: tables of costs, what layers are measured as, and the logs of measurements."""

from redsc.cost.latency.table import (
    OTHER,
    WORK,
    LatencyBound,
    LatencyTable,
    find_latency_table,
    library_of,
    work_of,
)

__all__ = ["OTHER", "WORK", "LatencyBound", "LatencyTable", "find_latency_table", "library_of", "work_of"]
