"""A network that is up: messages to its agents, answered while the process goes on with other things."""

import asyncio
import threading
from collections.abc import Awaitable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from stemma.core.errors import InvalidInput, NotFound, StemmaError
from stemma.core.trust import UNTRUSTED
from stemma.network.flow import Flow, Phase, Phases, Step
from stemma.network.network import Network
from stemma.network.run import Outcome, RunStatus
from stemma.network.worker import Worker, WorkerStopped


class NoAnswer(StemmaError):
    """An agent was asked and has no answer that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A task that is on its way; `id` is its run's."""

    id: str
    _outcome: "Future[Outcome]"

    def result(self, timeout: float | None = None) -> Outcome:
        """How it ended. Raises TimeoutError after `timeout` seconds; it goes on nevertheless. Raises WorkerStopped when the
        network was taken down before: another process that works on the store goes on with it.
        """
        return self._outcome.result(timeout)


class LiveNetwork:
    """Agents that answer for as long as the block lasts. May be used by several threads.

    Every message is a task of its own, durable as soon as the call returns, bounded and audited as any run is. A
    deadline is in seconds. When the store fails, so does the block, with the store's error; whoever waits gets WorkerStopped.
    """

    def __init__(self, network: Network, worker: Worker) -> None:
        self._network = network
        self._worker = worker
        self._shapes: dict[tuple[Flow, tuple[str, ...]], Network] = {}
        self._up: Future[asyncio.AbstractEventLoop] = Future()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="stemma-live", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stop()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def run(self, **values: str) -> Sent:
        """The whole flow, with these inputs."""
        return self._send(self._network.flow, values, tuple(self._network.inputs))

    def send(self, agent: str, **values: str) -> Sent:
        """A message to one agent, with the values that it reads."""
        return self._send(Step(agent), values, self._reads(agent))

    def request(self, agent: str, *, deadline: float | None = None, **values: str) -> Any:
        """The answer of one agent. Raises TimeoutError after `deadline` seconds, NoAnswer when it has none that can be used."""
        sent = self.send(agent, **values)
        try:
            outcome = sent.result(deadline)
        except TimeoutError:
            self._worker.cancel(sent.id)
            raise
        if outcome.status is not RunStatus.COMPLETED:
            raise NoAnswer(outcome.reason or outcome.status.value)
        return outcome.values[self._network.role(agent).agent.writes]

    def publish(self, topic: str, **values: str) -> Sent:
        """A message to every agent that subscribes to `topic`, at the same time. Raises NotFound for an unknown topic."""
        if topic not in self._network.topics:
            known = ", ".join(self._network.topics) or "none"
            raise NotFound(f"network {self._network.name!r} has no topic {topic!r}; its topics are: {known}")
        return self._fan_out(topic, self._network.topics[topic], values)

    def broadcast(self, **values: str) -> Sent:
        """A message to every agent that reads nothing but these values."""
        agents = [
            role.agent.name
            for role in self._network.roles
            if set(role.agent.reads) - set(role.agent.optional) <= values.keys()
        ]
        return self._fan_out("broadcast", agents, values)

    def _fan_out(self, name: str, agents: Sequence[str], values: Mapping[str, str]) -> Sent:
        if not agents:
            raise InvalidInput(
                f"no agent of network {self._network.name!r} reads just {', '.join(values) or 'nothing'}"
            )
        flow = Phases(name, tuple(Phase(agent, (Step(agent),)) for agent in agents))
        needed = {read for agent in agents for read in self._reads(agent)}
        return self._send(flow, values, tuple(sorted(needed)))

    def _reads(self, agent: str) -> tuple[str, ...]:
        role = self._network.role(agent).agent
        return tuple(name for name in role.reads if name not in role.optional)

    def _send(self, flow: Flow, values: Mapping[str, str], needed: Sequence[str]) -> Sent:
        missing = [name for name in needed if name not in values]
        if missing:
            raise InvalidInput(f"{missing[0]!r} is missing; needed are {', '.join(needed)}")
        network = self._shaped(flow, tuple(sorted(values)))
        loop, opening = self._up.result(), self._worker.open(network, values)
        try:
            run, ended = asyncio.run_coroutine_threadsafe(opening, loop).result()
            return Sent(run, asyncio.run_coroutine_threadsafe(_settled(ended), loop))
        except (RuntimeError, CancelledError) as error:  # the loop is closed, or was while the run was written down
            opening.close()
            raise WorkerStopped(f"network {self._network.name!r} is down") from (self._failure or error)

    def _shaped(self, flow: Flow, inputs: tuple[str, ...]) -> Network:
        """The network with this flow; what is given from outside and not described as an input is untrusted."""
        key = flow, inputs
        if key not in self._shapes:
            labels = {name: self._network.inputs.get(name, UNTRUSTED) for name in inputs}
            self._shapes[key] = replace(self._network, flow=flow, inputs=labels)
        return self._shapes[key]

    def _serve(self) -> None:
        async def until(worker: Worker) -> None:
            self._up.set_result(asyncio.get_running_loop())
            await asyncio.Event().wait()

        try:
            self._worker.serve(until)
        except BaseException as error:  # noqa: BLE001 - raised where the block begins, or ends
            if self._up.done():
                self._failure = error
            else:
                self._up.set_exception(error)


async def _settled(ended: Awaitable[Outcome]) -> Outcome:
    return await ended
