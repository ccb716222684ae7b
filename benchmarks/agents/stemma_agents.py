"""Stemma: the three agents of a manifest, run by `Networks.run`; every message labelled, every effect in the audit log."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.agents.pydantic_agents import scripted
from benchmarks.agents.work import RECORD, ROLES, SCHEMA, TOOL, TOOL_DESCRIPTION, Answers, Play

import stemma
from stemma.core.errors import StemmaError
from stemma.network import Manifest, RunStatus, load_manifest


@contextmanager
def network(store_url: str) -> Iterator[Play]:
    """The engine is started and stopped by every batch, which is in the time of a batch of one and so taken off."""
    with TemporaryDirectory(prefix="stemma-bench-") as folder:
        desk = _desk(Path(folder))
        with stemma.open(store=store_url, keys=Path(folder) / "keys", models={"scripted": scripted()}) as here:

            def play(tickets: Sequence[str], concurrency: int) -> Sequence[Answers]:
                items = [{"ticket": text} for text in tickets]
                runs = here.networks.run(desk, items, concurrency=concurrency, new=True).runs
                return [_answers(run) for run in runs]

            yield play


def _answers(run: stemma.network.Run) -> Answers:
    outcome = run.outcome
    if outcome is None or outcome.status is not RunStatus.COMPLETED:
        raise StemmaError(f"run {run.id!r} did not complete: {outcome and outcome.reason}")
    return {role.writes: outcome.values[role.writes] for role in ROLES}


def _desk(folder: Path) -> Manifest:
    """The manifest in `folder`. JSON is YAML too."""
    (folder / "tools.py").write_text(
        f'async def {TOOL}(customer: str) -> str:\n    """{TOOL_DESCRIPTION}"""\n    return {RECORD!r}\n'
    )
    agents = {}
    reads = ["ticket"]
    for role in ROLES:
        user = "\n".join(["{{ ticket }}", *(f"{name}: {{{{ {name} }}}}" for name in reads[1:])])
        (folder / f"{role.name}.json").write_text(json.dumps({"instructions": role.instructions, "user": user}))
        agents[role.name] = {
            "prompt": f"{role.name}.json",
            "reads": list(reads),
            "writes": role.writes,
            "tools": [TOOL],
            "schema": SCHEMA,
        }
        reads.append(role.writes)
    manifest = {
        "network": "desk",
        "model": "scripted",
        "inputs": ["ticket"],
        "tools": {TOOL: {"python": f"tools.py:{TOOL}", "effect": "read"}},
        "agents": agents,
        "pipeline": [role.name for role in ROLES],
    }
    (folder / "stemma.yaml").write_text(json.dumps(manifest, indent=1))
    return load_manifest(folder / "stemma.yaml")
