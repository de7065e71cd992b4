"""The version of redsc, which reports and generated files carry."""

__all__ = ["__version__"]

__version__ = "0.1.0"
