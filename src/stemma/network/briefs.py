"""Briefs: prompts that one agent writes for another while a task runs. Each is stored, with its lineage, before it is used."""

from dataclasses import dataclass, replace

from stemma.core.errors import NotFound
from stemma.core.trust import Integrity
from stemma.evaluate.checks import CheckPolicy, problems_of
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

    def prompted(self, network: Network, role: Role, brief: Brief, *, has_effects: bool) -> tuple[Role, Part | None]:
        """The role with the brief behind its instructions; or unchanged, with the brief as data that it may read.

        Its label is that of everything the author had read. An agent whose tools have effects (`has_effects`) is never
        instructed by words that a stranger may have chosen: there, and for an agent without a prompt, an untrusted
        brief stays data.
        """
        told = Part(PartKind.DATA, NAME, brief.text, brief.label)
        if role.prompt is None or (has_effects and brief.label.integrity is Integrity.UNTRUSTED):
            return role, told
        author = network.role(brief.author)
        words = literal(f"\n\nYour task, as {brief.author} puts it:\n{brief.text}", role.prompt.template_format)
        prompt = replace(role.prompt, instructions=role.prompt.instructions + words)
        problems = problems_of(prompt, role.prompt, CheckPolicy(token_cap=_LONGEST))
        session = self.sessions.open(
            NewSession(
                Generator(
                    f"{network.name}/{brief.author}",
                    {
                        "kind": "brief",
                        "prompt": author.prompt.digest if author.prompt else None,
                        "network": network.digest,
                    },
                ),
                prompt_name=role.source,
                model=author.agent.model,
                parameters={"message": brief.message, "agent": role.agent.name},
                trust=brief.label,
            )
        )
        standing = self._standing(session, role.prompt)
        [candidate] = self.candidates.store(session, [NewCandidate(prompt, "brief", (standing,))])
        if problems:
            self.candidates.judge(session, [(candidate, None, problems[0])])
            self.sessions.finish(session, {"candidate": candidate, "rejected": problems[0]})
            return role, told
        self.sessions.finish(session, {"candidate": candidate})
        return replace(role, prompt=prompt, source=f"candidate {candidate}", trust=role.trust.join(brief.label)), None

    def prompt(self, digest: str) -> Prompt:
        """The prompt of that digest which an agent wrote. Raises NotFound."""
        found = self.candidates.of_digest(digest)
        if not found:
            raise NotFound(f"no agent wrote a prompt with the digest {digest}")
        return self.candidates.prompt(found[0].id)

    def _standing(self, session: Session, prompt: Prompt) -> int:
        """The prompt that the brief was added to, as its parent in the lineage."""
        found = self.candidates.of_digest(prompt.digest)
        if found:
            return found[0].id
        return self.candidates.store(session, [NewCandidate(prompt, "standing")])[0]
