"""What a network costs: MACs, RAM and flash to the byte, orders of operators, packing of the arena, time."""
