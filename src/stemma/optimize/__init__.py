"""Writing better prompts: a search with a budget, a memo, a journal and a held-out set."""
