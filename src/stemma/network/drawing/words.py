"""What both pictures say of a team, of an interceptor and of a condition."""

from stemma.network.agent import Condition
from stemma.network.flow import By, Flow, Hierarchy, Loop, OpenTopic, Panel, Phases, Pipeline, Route, Step
from stemma.network.people import Interceptor

_BY = {By.CAPABILITY: "by capability", By.LOAD: "by load", By.BOTH: "by capability and load"}


def rule_of(flow: Flow) -> str:
    """How the flow goes, in a few words."""
    match flow:
        case Step():
            return "agent"
        case Pipeline() | Phases():
            return flow.kind
        case Loop():
            return f"loop until {in_words(flow.until)}, at most {flow.at_most} {'round' if flow.at_most == 1 else 'rounds'}"
        case Hierarchy():
            way = "at once" if flow.parallel else "in turn"
            plans = f", by plan: {', '.join(flow.plans)}" if flow.plans else ""
            roles = f", makes up roles for {flow.spawn}" if flow.spawn else ""
            return f"hierarchy, at most {flow.fan_out} briefs {way}{plans}{roles}"
        case Panel():
            rounds = "1 round" if flow.rounds == 1 else f"{flow.rounds} rounds"
            weights = ", ".join(f"{member} {weight:g}" for member, weight in flow.weights.items())
            rule = f"{flow.rule.value} vote" + (f" ({weights})" if weights else "")
            return f"panel, {rounds}, {rule}, quorum {flow.quorum} of {len(flow.members)}, tie: {flow.tie.value}"
        case Route():
            least = f", at least {flow.abstain:g}" if flow.abstain else ""
            return f"route {_BY[flow.by]}{least}"
        case OpenTopic():
            least = f", at least {flow.fitness:g}" if flow.fitness else ""
            return f"open topic, claimed by whoever is fit{least}"


def in_words(condition: Condition) -> str:
    return " and ".join(f"{name} is {value}" for name, value in condition.expected.items())


def asked(interceptor: Interceptor) -> str:
    """What people are asked before what."""
    words = f"before {interceptor.before} {interceptor.name}"
    if interceptor.when:
        words += f" if {in_words(Condition(interceptor.when))}"
    if interceptor.prompt:
        words += f": {interceptor.prompt}"
    if interceptor.timeout is not None:
        words += f" (after {span(interceptor.timeout)}: {interceptor.on_timeout.value})"
    return words


def span(seconds: float) -> str:
    """A time in the largest unit that it is whole in.

    >>> span(259_200), span(5400), span(2.5)
    ('3d', '90m', '2.5s')
    """
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.12g}s"
