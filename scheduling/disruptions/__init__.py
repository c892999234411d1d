"""Something fails for a while: whom it hits, and where their visits go with the fewest moves, at once or not at all."""
