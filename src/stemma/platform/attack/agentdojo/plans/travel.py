"""Plans for the tasks of AgentDojo's travel agency: whatever they need, the agency keeps itself."""

from stemma.platform.attack.agentdojo.plans.language import Plans

TRAVEL = Plans(given=range(20))
