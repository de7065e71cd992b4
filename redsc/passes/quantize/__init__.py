"""Int8: scales from samples, float graphs to integers and back, what has no int8 kernel to a table."""
