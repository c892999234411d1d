"""Several tracks: links, the shared calendar of their dates, its bounds, and the search."""
