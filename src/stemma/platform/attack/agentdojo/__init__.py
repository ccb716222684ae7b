"""AgentDojo: the published suite of indirect prompt injections, with its own package's environments, tools and checks."""
