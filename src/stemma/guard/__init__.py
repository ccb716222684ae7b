"""The guard: what stands between a text and an effect."""
