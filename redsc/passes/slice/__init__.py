"""From a plan to the graphs of its levels: short appliers, and the checks that each is what the plan says."""
