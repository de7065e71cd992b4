"""Layers whose weights levels share: convolutions, dense layers, and how their weights are packed."""
