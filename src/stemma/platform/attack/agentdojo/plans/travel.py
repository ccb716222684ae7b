"""Plans for the tasks of AgentDojo's travel agency: all that they need, the agency itself keeps."""

from stemma.platform.attack.agentdojo.plans.language import Plans

TRAVEL = Plans(given=range(20))
