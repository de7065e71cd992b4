"""How the C engine runs a node: in how much scratch, and where its result may lie."""

from redsc.cost.engine.kernels import WORD_BYTES, EngineKernel, engine_reads, runs_in_place, scratch_bytes

__all__ = ["WORD_BYTES", "EngineKernel", "engine_reads", "runs_in_place", "scratch_bytes"]
