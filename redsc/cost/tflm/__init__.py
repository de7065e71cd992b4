"""What TFLM does with its arena, exactly: the head it plans, the tail it keeps, and what it needs to plan."""
