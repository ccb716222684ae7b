"""Data sets, scorers, the runner and paired comparison."""
