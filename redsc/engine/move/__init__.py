"""Ops that only move elements: copies of boxes, joins, cuts, paddings, resizing, state."""
