"""Attacks: suites that are run against networks with the gullible model in every node, and what got through."""
