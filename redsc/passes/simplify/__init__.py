"""Lossless passes that make a graph smaller."""
