"""The user's samples: read, checked, and what a level sees of them."""
