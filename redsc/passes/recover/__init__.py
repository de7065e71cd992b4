"""Recovery without training: what slicing broke is repaired layer by layer, in closed form, without labels."""
