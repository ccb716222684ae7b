"""Attacks on a user's own network: its manifest as it is, with tools that only write down what they were asked to do."""
