"""Stemma: the system of record, and the runtime, for prompts that machines write."""

__version__ = "0.1.0"
