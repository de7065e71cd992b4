"""Executors: the real runtimes behind one small interface; data to run, and what comes of it."""

from redsc.runtime.executor import EXECUTORS, Executor, installed, interpreter_of
from redsc.runtime.isolated import run_isolated

__all__ = ["EXECUTORS", "Executor", "installed", "interpreter_of", "run_isolated"]
