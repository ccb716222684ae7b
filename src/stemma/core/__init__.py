"""Digests, identifiers, trust labels, the clock and the error tree: what every room stands on."""
