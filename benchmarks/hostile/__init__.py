"""Hostile input for the fuzzer: values, texts and bytes, and the edges of the product that they are given to."""
