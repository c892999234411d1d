"""Many courses on one board: first plans, what can stay, the bound, and making the whole cheaper."""
