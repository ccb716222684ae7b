"""The gate: static checks and a paired evaluation between a candidate and a version number."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, text

from stemma.core.digests import canonical_json, digest
from stemma.core.errors import NotFound, Refused
from stemma.core.trust import INTERNAL, TrustLabel
from stemma.evaluate.checks import problems_of
from stemma.evaluate.comparison import Comparison, Outcome, compare, verdict
from stemma.evaluate.data import Dataset
from stemma.evaluate.runner import Runner
from stemma.evaluate.seen import marks_of, marks_shown_by, unseen
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.registry.approval import authors_of, writers_of
from stemma.registry.candidates import Candidates
from stemma.registry.prompt import Prompt
from stemma.registry.prompts import Prompts, PromptVersion
from stemma.registry.sessions import Sessions
from stemma.release.policy import GatePolicy
from stemma.store.schema import gate_verdicts


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gate said of one text, and on what grounds. `comparison` is None when nothing was asked: the static checks
    failed, there is nothing to tell apart, or too few cases are left of which candidate and incumbent had `seen` none.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    candidate: str  # digest
    incumbent: str  # digest
    circumstances: str  # digest of policy, incumbent, data, model and scorer: the verdict holds for these
    comparison: Comparison | None
    seen: int = 0
    """How many of the given cases were left out, as candidate or incumbent learned from them or shows them as examples."""
    remembered: bool = False
    warnings: tuple[str, ...] = ()
    """What stands in the way of a release by whoever asked, or would in a governed store; never remembered."""

    @property
    def passed(self) -> bool:
        return self.outcome == "PASS"

    @property
    def left_open(self) -> bool:
        """Whether scores that are missing may be why nothing was decided."""
        return self.outcome == "INCONCLUSIVE" and self.comparison is not None and self.comparison.missing > 0

    def require(self) -> None:
        """Raises Refused, with the reasons, unless the gate said PASS. Not decided is not passed."""
        if not self.passed:
            raise Refused(f"candidate {self.candidate[:12]} ({self.outcome})", self.reasons)

    def to_json(self) -> dict[str, Any]:
        return {
            "verdict": self.outcome,
            "reasons": list(self.reasons),
            "candidate": self.candidate,
            "incumbent": self.incumbent,
            "circumstances": self.circumstances,
            "comparison": None if self.comparison is None else self.comparison.to_json(),
            "seen": self.seen,
            "remembered": self.remembered,
            "warnings": list(self.warnings),
        }


class Gate:
    """Judges candidates, remembers its verdicts, and lets through what passed."""

    def __init__(self, scope: Scope, prompts: Prompts, candidates: Candidates, sessions: Sessions) -> None:
        self._scope = scope
        self._prompts = prompts
        self._candidates = candidates
        self._sessions = sessions

    async def judge(
        self,
        candidate: Prompt,
        incumbent: Prompt,
        data: Dataset,
        runner: Runner,
        *,
        policy: GatePolicy = GatePolicy(),  # noqa: B008 - frozen
        training: Dataset | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> GateVerdict:
        """The verdict on `candidate` in `incumbent`'s place. Said once, it is remembered for the same circumstances.

        Cases that would flatter either are left out and counted as `seen`: those that a session learned from that wrote its
        words or what they descend from, those that it shows as examples, and those of `training`.

        One that was left open while scores were missing is the exception: it is judged again, since an outage or a budget
        that ran out says nothing of the prompt. The scores that came in are remembered, and only the others asked for.

        Raises Unauthorized for whoever may not judge, before anything is spent, and BudgetExhausted, ModelError and
        TemplateError where the evaluation cannot be made.
        """
        self._scope.require(Action.APPROVE, f"verdicts:/{candidate.digest}")
        fresh = self._unseen(data, candidate, incumbent, training)
        seen = len(data) - len(fresh)
        circumstances = digest(
            {
                "policy": policy.digest,
                "incumbent": incumbent.digest,
                "data": data.digest,
                "unseen": fresh.digest,
                "training": None if training is None else training.digest,
                "model": runner.target.identity,
                "scorer": runner.scorer.identity(),
            }
        )
        remembered = self._recall(candidate.digest, circumstances)
        warnings = self._warnings(candidate.digest)
        if remembered is not None and not remembered.left_open:
            return replace(remembered, warnings=warnings)
        judged = GateVerdict("FAIL", (), candidate.digest, incumbent.digest, circumstances, None, seen)
        quoted = [words for case in training or () for words in case.inputs.values()]
        if problems := problems_of(candidate, incumbent, policy.checks, training=quoted):
            judged = replace(judged, reasons=problems)
        elif candidate == incumbent:
            judged = replace(judged, outcome="INCONCLUSIVE", reasons=(_SAME_WORDS,))
        elif seen and len(fresh) < policy.min_n:
            judged = replace(judged, outcome="INCONCLUSIVE", reasons=(_too_few(len(data), len(fresh), policy.min_n),))
        else:
            before = await runner.evaluate(incumbent, fresh.cases)
            after = await runner.evaluate(candidate, fresh.cases, progress=progress)
            comparison = compare(before.scores, after.scores)
            said = verdict(
                comparison,
                min_gain=policy.min_gain,
                max_loss=policy.max_loss,
                min_n=policy.min_n,
                max_missing=policy.max_missing,
            )
            judged = replace(judged, outcome=said.outcome, reasons=said.reasons, comparison=comparison)
        self._remember(judged)
        return replace(judged, warnings=warnings)

    def release(
        self, name: str, candidate_id: int, verdict: GateVerdict, *, label: str | None = None, message: str = ""
    ) -> PromptVersion:
        """Gives a candidate that passed the next version number, and moves `label` to it in the same transaction.

        The version keeps the trust label of the session that wrote it: a gate shows that a prompt works, not that its
        words can be believed.

        Raises Refused when the verdict is not PASS, was given for another text, was never recorded, or compares with
        something else than what `label` points to now; Unauthorized for whoever may not approve, the writer of the candidate
        above all; Conflict and NotFound.
        """
        verdict.require()
        candidate = self._candidates.get(candidate_id)
        recorded = self._recall(candidate.digest, verdict.circumstances)
        if recorded is None or not recorded.passed:
            raise Refused(f"candidate {candidate_id}", ["the gate has not passed this text"])
        if label is not None:
            self.check_incumbent(name, verdict.incumbent, label=label)
        trust: TrustLabel = self._sessions.get(candidate.session).trust.join(INTERNAL)
        return self._prompts.admit(name, candidate_id, trust=trust, message=message, label=label)

    def check_incumbent(self, name: str, incumbent: str, *, label: str) -> None:
        """Asked before a comparison is paid for: raises Refused where `release` would refuse, whatever came of it, since
        `label` points to other words than those of the digest `incumbent`.
        """
        served = self._labelled(name, label)
        if served is not None and served.digest != incumbent:
            raise Refused(
                f"a release of {name!r} as {label!r}",
                [
                    f"{label!r} is {served.reference} ({served.digest[:12]}) now, and the comparison is with {incumbent[:12]}; "
                    f"compare with {name}@{label}, or release under another label"
                ],
            )

    def _unseen(self, data: Dataset, candidate: Prompt, incumbent: Prompt, training: Dataset | None) -> Dataset:
        learned = self._sessions.seen_by([candidate.digest, incumbent.digest])
        return unseen(data, learned | marks_of(training or ()) | marks_shown_by(candidate) | marks_shown_by(incumbent))

    def _warnings(self, candidate: str) -> tuple[str, ...]:
        actor = self._scope.actor
        with self._scope.read() as connection:
            if actor not in writers_of(connection, candidate):
                return ()
            by_hand = actor in authors_of(connection, candidate)
            separated = self._scope.authority.rules(connection).separated
        did = "wrote this candidate" if by_hand else "ran the session that wrote this candidate"
        means = "will be refused" if separated else "is their own word alone, and refused where the store is governed"
        return (f"{actor} {did}: a release in their name {means}",)

    def _labelled(self, name: str, label: str) -> PromptVersion | None:
        try:
            return self._prompts.get(name, label=label, cache_ttl_seconds=0)
        except NotFound:
            return None

    def _recall(self, candidate: str, circumstances: str) -> GateVerdict | None:
        query = select(gate_verdicts.c.verdict, gate_verdicts.c.body).where(
            gate_verdicts.c.subject == bytes.fromhex(candidate), gate_verdicts.c.policy == bytes.fromhex(circumstances)
        )
        with self._scope.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        body = json.loads(row.body)
        told = body["comparison"]
        return GateVerdict(
            outcome=row.verdict,
            reasons=tuple(body["reasons"]),
            candidate=candidate,
            incumbent=body["incumbent"],
            circumstances=circumstances,
            comparison=None if told is None else Comparison(**{**told, "ci95": tuple(told["ci95"])}),
            seen=body["seen"],
            remembered=True,
        )

    def _remember(self, judged: GateVerdict) -> None:
        row = {
            "subject": bytes.fromhex(judged.candidate),
            "policy": bytes.fromhex(judged.circumstances),
            "verdict": judged.outcome,
            "body": canonical_json(judged.to_json()).decode(),
        }
        with self._scope.write() as tx:
            tx.require(Action.APPROVE, f"verdicts:/{judged.candidate}")
            if tx.connection.execute(_REMEMBER, row | {"created_at": tx.at}).rowcount == 0:
                return  # another process judged the same in the same circumstances at this moment
            told = {"verdict": judged.outcome, "circumstances": judged.circumstances, "incumbent": judged.incumbent}
            tx.record("gate.judged", subject=judged.candidate, data=told)


_SAME_WORDS = (
    "candidate and incumbent are the same words, so there is nothing to compare; judge it against another version"
)


def _too_few(given: int, left: int, asked: int) -> str:
    return (
        f"{given - left} of {given} cases are left out, as the candidate or the incumbent learned from them or shows them as "
        f"examples: {left} are left and {asked} are asked for; give more cases that no search has seen"
    )


# Only what was left open may be said anew.
_REMEMBER = text(
    """
    insert into gate_verdicts (subject, policy, verdict, body, created_at)
    values (:subject, :policy, :verdict, :body, :created_at)
    on conflict (subject, policy) do update
    set verdict = excluded.verdict, body = excluded.body, created_at = excluded.created_at
    where gate_verdicts.verdict = 'INCONCLUSIVE'
    """
)
