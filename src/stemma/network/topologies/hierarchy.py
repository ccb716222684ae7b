"""The hierarchy: an orchestrator splits the work and briefs each worker; one agent may merge what they bring."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from stemma.core.errors import InvalidInput
from stemma.core.trust import TRUSTED, Integrity, TrustLabel, join_all
from stemma.network.flow import Flow, Hierarchy, Step, agents_of
from stemma.network.manifest.names import BRIEF, MISSING, WORKERS
from stemma.network.message import Part, PartKind
from stemma.network.network import Spawned
from stemma.network.run import RunStatus
from stemma.network.task import Brief, Task, TaskEnded
from stemma.network.tools.tool import ToolFailed
from stemma.network.topologies.branches import Play, gathered
from stemma.network.topologies.split import filled, split
from stemma.network.topologies.step import step
from stemma.network.turn import Unusable


async def hierarchy(flow: Hierarchy, task: Task, play: Play) -> None:
    """Learns what the orchestrator, every worker and the merging agent answer.

    A worker that is briefed several times leaves its values as lists, in the order of its briefs. One without a usable answer
    is left out, and why is known as ``<name>_missing``, which the merging agent is told as `missing`. What the roles that the
    orchestrator made up answer is a list under the name of what their agent writes, and known by role as ``<name>_roles``. The
    task fails when no worker has an answer; a worker that hands over ends it.
    """
    work = await _briefed(flow, task)
    branches: list[Task] = []
    problems: list[Unusable | None] = []
    for together in [work] if flow.parallel else [[one] for one in work]:
        task.check_fan_out(len(together))
        begun = [_begun(worker, brief, task) for worker, brief in together]
        done = [_done(*one, branch, play) for one, branch in zip(together, begun, strict=True)]
        problems += await gathered(task, begun, done)
        branches += begun
    _list_repeated(task, branches)
    _learn_roles(flow, task, work, branches)
    _learn_absent(task, work, branches, problems)
    told = _missing(work, branches, problems)
    for part in told:
        task.learn(Part(part.kind, f"{flow.name}_{part.name}", part.value, part.label))
    if None not in problems:
        reasons = "; ".join(problem.reason for problem in problems if problem)
        task.fail(f"no worker of hierarchy {flow.name!r} has an answer: {reasons}")
    if flow.merge is not None:
        await step(Step(flow.merge), task, add=told)


async def _briefed(flow: Hierarchy, task: Task) -> list[tuple[Flow, Brief]]:
    """The workers that the orchestrator gives work, and what it tells each."""
    message = task.next_id()
    tools = await _passed_on(flow, task)
    answer = await step(Step(flow.orchestrator), task, id=message, add=_offered(flow, task, tools))
    label = answer.label
    if flow.plans:  # one of those that the manifest has, and no word besides
        label = await task.chose(flow.orchestrator, "plan", len(flow.plans), label)
    else:
        task.heed(label)  # who works, and on what, was chosen by it
    workers = {worker.name: worker for worker in flow.workers}
    briefed: list[tuple[Flow, Brief]] = []
    try:
        for one in split(flow, answer.value, tools=tools):
            text, of = one.brief, label
            if flow.plans:  # in what an agent wrote, nothing is filled in
                text, of = filled(text, task.known, label)
            role = None if one.role is None else Spawned(one.role, one.tools)
            worker = workers[one.agent] if role is None else Step(one.agent)
            briefed.append((worker, Brief(text, flow.orchestrator, message, of, role)))
    except InvalidInput as error:
        task.fail(f"agent {flow.orchestrator!r}: {error}")
    return briefed


async def _passed_on(flow: Hierarchy, task: Task) -> Sequence[str]:
    """The tools of which a made-up role may be given some: those of the agent that plays it, as they are at first sight."""
    if flow.spawn is None:
        return ()
    role = task.network.role(flow.spawn)
    if not (role.agent.tools or role.agent.asks or role.agent.publishes):
        return ()

    async def names() -> list[str]:
        return list(await task.exchange.tools(role))

    try:
        tools: list[str] = await task.once(names)
    except ToolFailed as failure:  # a server that does not start
        task.fail(f"agent {flow.spawn!r}: {failure}")
    return tools


def _offered(flow: Hierarchy, task: Task, tools: Sequence[str]) -> Sequence[Part]:
    """Tells an orchestrator that splits freely who there is, and what each can do."""
    if flow.plans:
        return ()
    able = {
        worker.name: [able for agent in agents_of(worker) for able in task.network.role(agent).agent.capabilities]
        for worker in flow.workers
    }
    workers: list[dict[str, Any]] = [{"agent": name, "capabilities": able[name]} for name in able]
    if flow.spawn is not None:
        capabilities = list(task.network.role(flow.spawn).agent.capabilities)
        workers.append({"role": "any new name", "capabilities": capabilities, "tools": list(tools)})
    return (Part(PartKind.DATA, WORKERS, workers, TRUSTED),)


def _begun(worker: Flow, brief: Brief, task: Task) -> Task:
    """The worker's branch. A team is no one agent whose prompt could hold the brief: its members may read it as `brief`."""
    if isinstance(worker, Step):
        return task.branch()
    return task.branch(Part(PartKind.DATA, BRIEF, brief.text, brief.label))


async def _done(worker: Flow, brief: Brief, branch: Task, play: Play) -> Unusable | None:
    """Plays the worker; comes back with why it has no answer, if it has none."""
    try:
        if isinstance(worker, Step):
            await step(worker, branch, brief=brief)
        else:
            await play(worker, branch)
    except TaskEnded as ended:
        if ended.status is not RunStatus.FAILED:
            raise
        reason = f"{brief.role.name if brief.role else worker.name}: {ended.reason}"
        return Unusable(reason, ended.label)
    return None


def _list_repeated(task: Task, branches: Sequence[Task]) -> None:
    """Puts what several branches wrote under one name side by side, where the last would hide the others."""
    written: dict[str, list[Part]] = defaultdict(list)
    for branch in branches:
        for part in branch.learned.values():
            written[part.name].append(part)
    for name, parts in written.items():
        if len(parts) > 1:
            values, label = [part.value for part in parts], join_all(part.label for part in parts)
            task.learn(Part(PartKind.DATA, name, values, label))


def _learn_roles(flow: Hierarchy, task: Task, work: Sequence[tuple[Flow, Brief]], branches: Sequence[Task]) -> None:
    """Says which made-up role answered what; their answers are a list even where there is one."""
    if flow.spawn is None:
        return
    writes = task.network.role(flow.spawn).agent.writes
    said = {
        brief.role.name: branch.learned[writes]
        for (_, brief), branch in zip(work, branches, strict=True)
        if brief.role is not None and writes in branch.learned
    }
    if said:
        label, values = join_all(part.label for part in said.values()), {role: said[role].value for role in said}
        task.learn(Part(PartKind.DATA, writes, list(values.values()), label))
        task.learn(Part(PartKind.DATA, f"{flow.name}_roles", values, label))


def _learn_absent(
    task: Task, work: Sequence[tuple[Flow, Brief]], branches: Sequence[Task], problems: Sequence[Unusable | None]
) -> None:
    """Lets what is not there be worth no more than what is: whether a worker has an answer is up to all that it read.

    An agent's missing answer is an empty text. Of a team it can be anything that is missing: whatever it read then decides
    what happens next, also where nothing is missing.
    """
    for (worker, _), branch, problem in zip(work, branches, problems, strict=True):
        label = _came_to(branch, problem)
        if not isinstance(worker, Step):
            task.heed(label)
            continue
        name = task.network.role(worker.agent).agent.writes
        known = task.learned.get(name)
        if known is not None:
            # No piece is worth more than the whole.
            task.learn(Part(known.kind, name, known.value, known.label.join(label)))
        elif problem is not None:
            task.learn(Part(PartKind.DATA, name, "", label))


def _came_to(branch: Task, problem: Unusable | None) -> TrustLabel:
    """The label of all that a branch came to; where it failed by something unknown, of all that was known there."""
    labels = [part.label for part in branch.learned.values()]
    if problem is not None:
        labels += [problem.label] if problem.label else [part.label for part in branch.known.values()]
    return join_all(labels or [TRUSTED])


def _missing(
    work: Sequence[tuple[Flow, Brief]], branches: Sequence[Task], problems: Sequence[Unusable | None]
) -> Sequence[Part]:
    """The part that says who has no answer, and why. None when all have, unless strangers may have had a say in that: then
    there is one that says nothing. A reason may quote whatever its worker read.
    """
    reasons = [problem.reason for problem in problems if problem is not None]
    label = join_all(
        [
            *(brief.label for _, brief in work),
            *(part.label for branch in branches for part in branch.known.values()),
            *(_came_to(branch, problem) for branch, problem in zip(branches, problems, strict=True)),
        ]
    )
    if not reasons and label.integrity is not Integrity.UNTRUSTED:
        return ()
    return (Part(PartKind.DATA, MISSING, reasons, label),)
