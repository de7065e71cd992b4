"""What cutting costs: which channels matter, measured on samples or read off the weights."""
