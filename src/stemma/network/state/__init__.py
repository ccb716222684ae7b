"""What agents keep: the keys of a run that they share, memories across tasks, and the window that a model is shown."""
