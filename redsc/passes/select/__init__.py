"""Selectors: searches for the widths of every level. They return a frozen `LevelPlan`; `check.py` trusts none."""
