"""What the guard adds to a tool call: facts to ruling, with both evaluations where a person is asked.

    python -m benchmarks.mediation [--calls 20000] [--json]

Each call has other facts (agent, tool, effect, labels, arguments), in an order drawn from a seed; nothing is remembered from
one call to the next but the parsed names of agents and tools. Beside the default policies there are as many of a network's
own as make up the number: permits and forbids that name an agent or a tool, look at labels, or at an argument. A call
that is allowed takes one evaluation; the others, two thirds of them, take two.

Then all that the guard adds to one message, with twenty policies: the same turn, less model, tool and database, with the guard
on and off; see `benchmarks.guarded.messages`.

Wall-clock time, and the thread's own CPU time, which other processes on the machine do not add to.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from benchmarks.guarded.messages import added

from stemma.core.trust import Confidentiality, Integrity, TrustLabel
from stemma.guard.policy import Policy
from stemma.guard.ruling import CallFacts, Clearance, Verdict

SIZES = (4, 20, 100)
_AIM = 20  # policies for which the aim is set
_P50, _P99 = 0.25e-3, 1e-3

_OWN = (
    '@id("own{n}") permit (principal == Agent::"agent{n}", action == Action::"spend", resource == Tool::"tool{n}")\n'
    "when {{ context.decided >= 1 && context.arguments has amount && context.arguments.amount < {n} }};",
    '@id("own{n}") forbid (principal, action in Action::"call", resource == Tool::"tool{n}")\n'
    'when {{ context.uncovered.contains("pii") && context.content == 0 }};',
    '@id("own{n}") permit (principal, action == Action::"egress", resource)\n'
    'when {{ principal.name == "agent{n}" && context.decided == 2 && context.cleared && context.actor like "user:*" }};',
    '@id("own{n}") forbid (principal == Agent::"agent{n}", action in Action::"call", resource)\n'
    'when {{ context.arguments has iban && !(context.arguments.iban like "DE*") && !context.approved }};',
)


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds a ruling takes with so many policies."""

    policies: int
    p50: float
    p99: float
    cpu_p50: float
    cpu_p99: float
    asked: float
    """The share of calls for which a person is asked."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000, help="calls to judge with each number of policies")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    facts = list(calls(arguments.calls))
    timed = [measure(policies(size), facts) for size in SIZES]
    wall, cpu = asyncio.run(added(policies(_AIM), arguments.calls))
    message = Timed(_AIM, _at(wall, 0.5), _at(wall, 0.99), _at(cpu, 0.5), _at(cpu, 0.99), 0.0)
    if arguments.json:
        print(json.dumps({"rulings": [asdict(one) for one in timed], "message": asdict(message)}, indent=2))
        return
    print(f"{arguments.calls:,} different calls with each number of policies, in milliseconds")
    print(f"{'policies':>8}{'p50':>9}{'p99':>9}{'CPU p50':>10}{'CPU p99':>10}{'asked':>8}")
    for one in timed:
        print(_line(one, aimed=one.policies == _AIM))
    print("added to a whole message")
    print(_line(message, aimed=True))


def policies(size: int) -> Policy:
    """The default policies and as many of a network's own as make up `size`."""
    default = Policy.default()
    own = [_OWN[n % len(_OWN)].format(n=n) for n in range(size - len(default.statements))]
    return Policy.of({**default.texts, "own.cedar": "\n".join(own)})


def calls(number: int, seed: int = 7) -> Iterator[CallFacts]:
    """Calls of fifty tools by twenty agents."""
    rng = random.Random(seed)
    for _ in range(number):
        yield CallFacts(
            network="desk",
            agent=f"agent{rng.randrange(20)}",
            actor=f"user:{rng.randrange(1000)}",
            tool=f"tool{rng.randrange(50)}",
            effect=rng.choice(["read", "write", "egress", "spend"]),
            decided=_label(rng),
            arguments={
                "iban": f"{rng.choice(['DE', 'FR'])}{rng.randrange(10**18)}",
                "amount": rng.randrange(500),
                "text": "word " * rng.randrange(200),
            },
            labels={name: _label(rng) for name in ("iban", "amount", "text")},
            sensitive=("iban", "amount"),
            clearance=Clearance(rng.choice(list(Confidentiality)), frozenset(["pii"])),
        )


def measure(policy: Policy, facts: list[CallFacts]) -> Timed:
    """Times `policy.call` for each of `facts`, after a hundred that warm up."""
    wall, cpu, asked = list[float](), list[float](), 0
    for one in facts[:100]:
        policy.call(one)
    for one in facts:
        began, worked = time.perf_counter(), time.thread_time()
        ruling = policy.call(one)
        cpu.append(time.thread_time() - worked)
        wall.append(time.perf_counter() - began)
        asked += ruling.verdict is Verdict.ASK
    return Timed(
        len(policy.statements), _at(wall, 0.5), _at(wall, 0.99), _at(cpu, 0.5), _at(cpu, 0.99), asked / len(facts)
    )


def _label(rng: random.Random) -> TrustLabel:
    # Mostly what a network works with; one in six is a stranger's, one in ten a secret, one in five personal.
    integrity = rng.choices(list(Integrity), (1, 4, 1))[0]
    secrecy = rng.choices(list(Confidentiality), (1, 8, 1))[0]
    return TrustLabel(integrity, secrecy, frozenset(["pii"] if rng.random() < 0.2 else []))


def _line(one: Timed, *, aimed: bool) -> str:
    spread = ((one.p50, 9), (one.p99, 9), (one.cpu_p50, 10), (one.cpu_p99, 10))
    times = "".join(f"{value * 1e3:>{width}.3f}" for value, width in spread)
    return f"{one.policies:>8}{times}{one.asked:>8.0%}" + (
        f"  aim: p50 <= 0.25, p99 <= 1: {_met(one)}" if aimed else ""
    )


def _met(one: Timed) -> str:
    return "met" if one.p50 <= _P50 and one.p99 <= _P99 else "MISSED"


def _at(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


if __name__ == "__main__":
    main()
