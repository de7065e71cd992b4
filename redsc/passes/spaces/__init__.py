"""Channel spaces: which channels of which tensors belong together; and the blocks that a level may leave out."""
