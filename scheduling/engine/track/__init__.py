"""One track: lower bounds, prices of `max_in`, and the search."""
