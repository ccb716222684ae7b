"""Stemma's own suites of attacks, and InjecAgent: small networks, what strangers write into them, and what must come of it."""
