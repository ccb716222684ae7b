"""Running a suite: every case through the real runtime, with a person's answers to what it asks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stemma.network import Asked, Networks, Verdict
from stemma.network.run import RunProgress
from stemma.platform.attack.report import AttackReport, Pass
from stemma.platform.attack.suite import Arena, Case, Judged, Mode, Preceded, Suite
from stemma.platform.stemma import open_stemma

Progress = Callable[[Mode, int], None]
"""Told the mode, and how many more cases of it have ended."""

ALARM = "alarm.raised"
_BATCH = "attack"


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
    return AttackReport.of(suite.name, [_pass(suite, mode, progress) for mode in modes])


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
        open_stemma(store=f"sqlite:///{folder}/attack.db", actor="user:approver", models=arena.models) as here,
    ):
        networks, counted = here.networks, _Counted(mode, progress)
        for manifest, before in arena.earlier if isinstance(arena, Preceded) else ():
            networks.run(manifest, before)
        while True:
            # All at once: the model is in this process, and many a run spends its time waiting for the person.
            result = networks.run(
                arena.manifest, items, batch=_BATCH, concurrency=len(items), wait=False, progress=counted
            )
            waiting = networks.questions.ls(limit=len(items) * 10)
            if not waiting:
                break
            _answer(networks, waiting, arena, cases, helps=mode in (Mode.DEFENDED, Mode.HELPED))
        judged = [(cases[run.id], arena.judge(run, cases[run.id])) for run in result.runs]
        asked = len(networks.questions.ls(every=True, limit=len(items) * 1000))
        return judged, asked, len(here.ledger.tail(len(items) * 1000, kind=ALARM))


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


def _answer(networks: Networks, waiting: Sequence[Asked], arena: Arena, cases: dict[str, Case], *, helps: bool) -> None:
    for asked in waiting:
        approved = helps and arena.approves(asked, cases[asked.question.run])
        networks.questions.decide(asked.question.id, Verdict.APPROVED if approved else Verdict.REJECTED)
