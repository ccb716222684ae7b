"""Prompts, versions, labels, generators, sessions, candidates and lineage."""
