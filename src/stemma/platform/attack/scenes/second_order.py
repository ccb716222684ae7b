"""Second order: a document that changes what an orchestrator writes for a worker, or what roles it makes up."""

from functools import partial
from pathlib import Path

from stemma.models.orders import Use
from stemma.network import Hierarchy, Step
from stemma.platform.attack.scenes.lead import Lead
from stemma.platform.attack.scenes.orders import ACTING, FILE_REPORT, OFFICE, scenes
from stemma.platform.attack.scenes.scene import MODEL, PROMPT, Scene, Stage, StagedSuite, Steps, agent
from stemma.platform.attack.suite import own_networks_only

NAME = "second-order"
_WITH_DOCUMENT = f"{PROMPT}\n\n{{{{document}}}}"


def suite(network: Path | None = None) -> StagedSuite:
    """The suite ``second-order``: briefs for workers, roles with tools, and an orchestrator that could act itself."""
    own_networks_only(NAME, network)
    return StagedSuite(NAME, [_stage("briefs"), _stage("roles", spawns=True), _stage("acting-lead", acts=True)])


def _stage(name: str, *, spawns: bool = False, acts: bool = False) -> Stage:
    lead = agent(
        "lead",
        _WITH_DOCUMENT,
        reads=["task", "case", "document", "workers?"],
        writes="plan",
        tools=("send_mail",) if acts else (),
    )
    clerk = agent(
        "clerk",
        f"{PROMPT}\n\n{{{{brief}}}}",
        reads=["task", "case", "brief?"],
        writes="report",
        tools=ACTING,
        capabilities=("file reports",),
    )
    lead_model = partial(Lead, worker="clerk", tools=ACTING if spawns else ())
    flow = Hierarchy("office", "lead", (), spawn="clerk") if spawns else Hierarchy("office", "lead", (Step("clerk"),))
    return Stage(name, OFFICE, [lead, clerk], flow, {"clerk": _files}, scenes(), made={f"{MODEL}-lead": lead_model})


def _files(scene: Scene) -> Steps:
    yield Use(FILE_REPORT, {"case": scene.name})
    return "The report is filed."
