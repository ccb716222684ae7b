"""Briefs: prompts that one agent writes for another while a task runs. Each is stored, with its lineage, before it is used."""

from dataclasses import dataclass, replace
from typing import Any

from stemma.core.errors import NotFound
from stemma.core.trust import Integrity
from stemma.evaluate.checks import CheckPolicy, problems_of
from stemma.guard.access import agent_id
from stemma.network.message import Part, PartKind
from stemma.network.network import Network, Role
from stemma.network.task import Brief
from stemma.registry.candidates import Candidates, NewCandidate
from stemma.registry.prompt import Prompt
from stemma.registry.sessions import Generator, NewSession, Session, Sessions
from stemma.registry.templates import literal

NAME = "brief"
"""The data part in which an agent finds a brief that may not instruct it."""

_LONGEST = 4000  # estimated tokens of a prompt with its brief


@dataclass(frozen=True, slots=True)
class Briefs:
    """Turns what an agent wrote into a prompt for another."""

    sessions: Sessions
    candidates: Candidates

    def write(self, network: Network, role: Role, brief: Brief, *, has_effects: bool) -> int | None:
        """The candidate that the role's prompt with the brief in it is stored as; None for a brief that stays data.

        Its label is that of everything the author had read. A role whose tools have effects (`has_effects`) is never
        instructed by words that a stranger may have chosen: there, and for an agent without a prompt, an untrusted
        brief stays data.
        """
        if role.prompt is None or (has_effects and brief.label.integrity is Integrity.UNTRUSTED):
            return None
        author, prompt = network.role(brief.author), _with(role, role.prompt, brief)
        by = agent_id(network.name, brief.author)
        sessions, candidates = self.sessions.acting_as(by), self.candidates.acting_as(by)
        problems = problems_of(prompt, role.prompt, CheckPolicy(token_cap=_LONGEST))
        parameters: dict[str, Any] = {"message": brief.message, "agent": role.agent.name}
        kind = "brief"
        if role.spawned is not None:
            kind = "role"
            parameters |= {"role": role.spawned.name, "tools": list(role.spawned.tools)}
        session = sessions.open(
            NewSession(
                Generator(
                    f"{network.name}/{brief.author}",
                    {
                        "kind": kind,
                        "prompt": author.prompt.digest if author.prompt else None,
                        "network": network.digest,
                    },
                ),
                prompt_name=role.source,
                model=author.agent.model,
                parameters=parameters,
                trust=brief.label,
            )
        )
        standing = _standing(candidates, session, role.prompt)
        [candidate] = candidates.store(session, [NewCandidate(prompt, kind, (standing,))])
        if problems:
            candidates.judge(session, [(candidate, None, problems[0])])
            sessions.finish(session, {"candidate": candidate, "rejected": problems[0]})
            return None
        sessions.finish(session, {"candidate": candidate})
        return candidate

    def prompt(self, digest: str) -> Prompt:
        """The prompt of that digest which an agent wrote. Raises NotFound."""
        found = self.candidates.of_digest(digest)
        if not found:
            raise NotFound(f"no agent wrote a prompt with the digest {digest}")
        return self.candidates.prompt(found[0].id)


def _standing(candidates: Candidates, session: Session, prompt: Prompt) -> int:
    """The prompt that the brief was added to, as its parent in the lineage."""
    found = candidates.of_digest(prompt.digest)
    if found:
        return found[0].id
    return candidates.store(session, [NewCandidate(prompt, "standing")])[0]


def given(role: Role, brief: Brief, candidate: int | None) -> tuple[Role, Part | None]:
    """The role with the brief behind its instructions, stored as that candidate; without one, as it was, with it as data."""
    if candidate is None or role.prompt is None:
        return role, Part(PartKind.DATA, NAME, brief.text, brief.label)
    prompt, trust = _with(role, role.prompt, brief), role.trust.join(brief.label)
    return replace(role, prompt=prompt, source=f"candidate {candidate}", trust=trust), None


def _with(role: Role, prompt: Prompt, brief: Brief) -> Prompt:
    named = "" if role.spawned is None else f"Your role is {role.spawned.name}. "
    words = f"\n\n{named}Your task, as {brief.author} puts it:\n{brief.text}"
    return replace(prompt, instructions=prompt.instructions + literal(words, prompt.template_format))
