"""Plans for the tasks of AgentDojo's office."""
from stemma.platform.attack.agentdojo.plans.language import Plans
WORKSPACE = Plans(given=range(40))
