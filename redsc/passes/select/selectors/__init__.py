"""The selectors of the table `redsc.passes.SELECTORS`: from a `Problem` to a `Selection`, one way per file."""
