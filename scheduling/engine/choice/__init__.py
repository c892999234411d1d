"""Further plans to choose from, and how many courses fit."""
