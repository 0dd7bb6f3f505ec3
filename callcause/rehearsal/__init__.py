"""A month rehearsed: the real service goes through a simulated month of a province in minutes."""
