"""What goes on inside a float network on data: ranges, moments, one node after the other."""
