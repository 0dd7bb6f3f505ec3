"""Evidence, checks, ranking and verdict for complaint tickets."""
