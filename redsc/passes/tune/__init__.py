"""Tuning: all levels learn at once, from the frozen original and from labels where there are some."""

from redsc.passes.tune.run import TuneProgress, tune

__all__ = ["TuneProgress", "tune"]
