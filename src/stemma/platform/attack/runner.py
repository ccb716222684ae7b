"""Running a suite: every case through the real runtime, with a person's answers to what it asks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stemma.network import Asked, Manifest, Networks, Run, Verdict
from stemma.network.run import Listener, RunProgress
from stemma.platform.attack.report import AttackReport, Pass
from stemma.platform.attack.suite import Arena, Case, Furnished, Judged, Lending, Mode, Preceded, Suite, Told
from stemma.platform.stemma import Stemma, open_stemma

Progress = Callable[[Mode, int], None]
"""Told the mode, and how many more cases of it have ended."""

ALARM = "alarm.raised"
_BATCH, _EARLIER = "attack", "earlier"


def attack(
    suite: Suite,
    *,
    modes: Sequence[Mode] = tuple(Mode),
    progress: Progress = lambda _mode, _cases: None,
) -> AttackReport:
    """Runs `suite` and says what got through. Blocks.

    Each network runs on a store of its own, in a folder that is removed after it. Raises NotConfigured for a suite whose
    package is not installed.
    """
    passes = [_pass(suite, mode, progress) for mode in modes]
    return AttackReport.of(suite.name, passes, about=suite.about if isinstance(suite, Told) else None)


def _pass(suite: Suite, mode: Mode, progress: Progress) -> Pass:
    started, results, questions, alarms = time.perf_counter(), [], 0, 0
    with TemporaryDirectory(prefix="stemma-attack-") as folder:
        for arena in suite.arenas(mode, Path(folder)):
            judged, asked, raised = fought(arena, mode, progress)
            results += judged
            questions += asked
            alarms += raised
    return Pass(mode, results, questions, alarms, time.perf_counter() - started)


def fought(
    arena: Arena, mode: Mode, progress: Progress = lambda _mode, _cases: None
) -> tuple[list[tuple[Case, Judged]], int, int]:
    """What came of each case of an arena, the questions asked, and the alarms raised."""
    items = [case.item for case in arena.cases]
    cases = {f"{_BATCH}.1.{number}": case for number, case in enumerate(arena.cases, start=1)}
    for run, case in cases.items():
        arena.prepare(run, case)
    with (
        TemporaryDirectory(prefix="stemma-attack-") as folder,
        open_stemma(
            store=f"sqlite:///{folder}/attack.db",
            keys=Path(folder, "keys"),  # not those of the user's own store, which the environment may name
            actor="user:approver",
            models=arena.models,
        ) as here,
    ):
        networks, helps = _networks(here, arena), mode is not Mode.ALONE
        answer = partial(_answer, arena=arena, cases=cases, helps=helps)
        if isinstance(arena, Furnished):
            arena.furnish(here)
        for manifest, before in arena.earlier if isinstance(arena, Preceded) else ():
            _run(networks, manifest, before, answer, batch=_EARLIER)
        runs = _run(networks, arena.manifest, items, answer, progress=_Counted(mode, progress))
        judged = [(cases[run.id], arena.judge(run, cases[run.id])) for run in runs]
        asked = sum(one.question.run in cases for one in networks.questions.ls(every=True, limit=len(items) * 1000))
        return judged, asked, len(here.ledger.tail(len(items) * 1000, kind=ALARM))


def _networks(here: Stemma, arena: Arena) -> Networks:
    """Those of a store, with the prompts that the arena lends."""
    if not isinstance(arena, Lending):
        return here.networks
    return Networks(
        here.scope,
        arena.prompts,
        here.models,
        encoder=lambda size: here.models.encoder(dimensions=size),
        vault=here.vault,
    )


def _run(
    networks: Networks,
    manifest: Manifest,
    items: Sequence[Mapping[str, str]],
    answer: Callable[[Networks, Sequence[Asked]], None],
    *,
    batch: str = _BATCH,
    progress: Listener | None = None,
) -> Sequence[Run]:
    """The runs of these items, with an answer to each question that they ask."""
    while True:
        # All at once: the model is in this process, and many a run spends its time waiting for the person.
        result = networks.run(manifest, items, batch=batch, concurrency=len(items), wait=False, progress=progress)
        waiting = networks.questions.ls(limit=len(items) * 10)
        if not waiting:
            return result.runs
        answer(networks, waiting)


@dataclass
class _Counted:
    """Tells how many more runs have ended."""

    mode: Mode
    progress: Progress
    told: int = 0

    def __call__(self, seen: RunProgress) -> None:
        more, self.told = seen.done - self.told, seen.done
        if more > 0:
            self.progress(self.mode, more)


def _answer(
    networks: Networks, waiting: Sequence[Asked], arena: Arena, cases: Mapping[str, Case], *, helps: bool
) -> None:
    any_case = next(iter(cases.values()))
    for asked in waiting:
        question = asked.question
        approved = helps and arena.approves(asked, cases.get(question.run, any_case))
        if approved and question.choices:
            networks.questions.decide(question.id, Verdict.ANSWERED, value=question.choices[0])
        else:
            networks.questions.decide(question.id, Verdict.APPROVED if approved else Verdict.REJECTED)
