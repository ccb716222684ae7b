"""What users' data stand in is read by leave: runs, messages, questions, workspaces, alarms and the audit log."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.guard.access.house import Caller, Joining
from tests.network.speaking import Speaking, speaking_on

from stemma import Prompt
from stemma.core.errors import NotFound, Unauthorized
from stemma.core.trust import UNTRUSTED
from stemma.guard.access import Permission, Role
from stemma.network import Networks, Question, define_agent, define_network
from stemma.network.questions import ask
from stemma.network.rooms import WorkerSettings
from stemma.network.run import RunStatus
from stemma.network.state.workspace import workspace_tools
from stemma.network.tools.invoking import invoke
from stemma.network.tools.tool import Call

DESK, SHOP = (
    define_network(
        name,
        inputs=["ticket"],
        agents=[
            define_agent("clerk", Prompt("clerk: act."), reads=["ticket"], writes="said"),
        ],
        flow=["clerk"],
        model="speaking",
    )
    for name in ("desk", "shop")
)
RUN = "desk.1.1"


def networks(caller: Caller) -> Networks:
    return speaking_on(caller.scope, Speaking({"clerk": lambda _: "ring back"}))


@pytest.fixture
def worked(ada: Caller) -> Caller:
    """Ada, with a run of each network behind her, a question in one, and what its agent shared."""
    here = networks(ada)
    for manifest in (DESK, SHOP):
        here.run(manifest, [{"ticket": "a customer's words"}], batch=manifest.name)
    here.workspace.put(RUN, "plan", "ring back", label=UNTRUSTED, writer="clerk")
    with ada.scope.write() as tx:
        ask(tx, Question("q", RUN, RUN, "tool", "Pay?", {"iban": "DE00"}, UNTRUSTED))
    return ada


LOOKS: dict[str, Callable[[Networks], object]] = {
    "run": lambda here: here.show(RUN),
    "runs of a network": lambda here: here.ls(network="desk"),
    "batch": lambda here: here.batch("desk.1"),
    "id": lambda here: here.find(RUN),
    "messages": lambda here: here.letters.ls(run=RUN),
    "message": lambda here: here.letters.get(f"{RUN}.1"),
    "workspace": lambda here: here.workspace.ls(RUN),
    "key": lambda here: here.workspace.get(RUN, "plan"),
    "alarms": lambda here: here.alarms.ls(run=RUN),
    "waiting": lambda here: here.questions.runs(network="desk"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_viewer_of_prompts_sees_nothing_of_users(worked: Caller, join: Joining, look: str) -> None:
    """The refusal names the runs that he may not read, and the command that would let him."""
    with pytest.raises(Unauthorized) as refused:
        LOOKS[look](networks(join("user:vi", "viewer")))
    assert str(refused.value) == (
        "user:vi may not read runs:/desk: no role of user:vi allows it; an admin (user:ada) grants it with: "
        "stemma access grant user:vi auditor --on runs:/desk"
    )


@pytest.mark.parametrize("look", LOOKS)
def test_whoever_may_use_a_network_as_its_operator_sees_its_runs_and_no_others(
    worked: Caller, join: Joining, look: str
) -> None:
    """What is granted on a network holds for its runs."""
    assert LOOKS[look](networks(join("user:op", "operator@networks:/desk"))) is not None
    with pytest.raises(Unauthorized, match="user:sh may not read runs:/desk"):
        LOOKS[look](networks(join("user:sh", "operator@networks:/shop")))


def test_listings_of_everything_take_leave_for_everything(worked: Caller, join: Joining) -> None:
    """Nothing is left out without a word: whoever may not read all of a listing is refused it."""
    limited = networks(join("user:op", "operator@networks:/desk"))
    for look in (limited.ls, limited.letters.ls, limited.alarms.ls, limited.alarms.scan, limited.questions.runs):
        with pytest.raises(Unauthorized, match="user:op may not read runs:/:"):
            look()
    whole = networks(join("user:au", "auditor"))
    assert [run.name for run in whole.ls()] == ["shop", "desk"]
    assert {letter.message.run for letter in whole.letters.ls()} == {RUN, "shop.1.1"}


def test_questions_are_for_those_who_answer(worked: Caller, join: Joining) -> None:
    """A reviewer sees what is asked, with its facts, and not the runs; whoever looks on sees neither."""
    reviewer, viewer = networks(join("user:re", "reviewer")), networks(join("user:vi", "viewer"))
    assert [one.question.facts for one in reviewer.questions.ls()] == [{"iban": "DE00"}]
    with pytest.raises(Unauthorized, match="user:re may not read runs:/desk"):
        reviewer.show(RUN)
    for look in (viewer.questions.ls, lambda: viewer.questions.get("q"), lambda: viewer.questions.ls(run=RUN)):
        with pytest.raises(Unauthorized, match="user:vi may not read questions:/"):
            look()


def test_whether_there_is_a_run_is_told_to_those_who_may_read_it(worked: Caller, join: Joining) -> None:
    """An id that was guessed tells a stranger nothing."""
    limited = networks(join("user:op", "operator@networks:/desk"))
    with pytest.raises(Unauthorized, match="user:op may not read runs:/:"):
        limited.show("nope.1.1")
    with pytest.raises(NotFound, match=r"there is no run 'nope.1.1'"):
        networks(worked).show("nope.1.1")


def test_an_auditor_sees_everything_and_changes_nothing(worked: Caller, join: Joining) -> None:
    """Not even by ending a run, or by running one."""
    auditor = join("user:au", "auditor")
    here = networks(auditor)
    for look in LOOKS.values():
        look(here)
    for change in (lambda: here.cancel(RUN), lambda: here.submit(DESK, [{"ticket": "1"}])):
        with pytest.raises(Unauthorized, match="user:au may not use networks:/desk"):
            change()


def test_a_run_goes_on_for_whoever_may_use_its_network_and_read_nothing(worked: Caller, join: Joining) -> None:
    """Who asked for it sees what it came to, and nothing else of it, nor anything of others'."""
    worked.access.define(Role("runner", "", (Permission.parse("use networks:/desk"),)))
    here = networks(join("service:runner", "runner"))
    result = here.run(DESK, [{"ticket": "another"}])
    assert [run.status for run in result.runs] == [RunStatus.COMPLETED]
    assert "ring back" in str(result.runs[0].outcome)
    assert here.alarms.after(result.batch).behind == 0
    with pytest.raises(Unauthorized, match="service:runner may not read runs:/desk"):
        here.show(result.runs[0].id)
    with pytest.raises(Unauthorized, match="service:runner may not use networks:/shop"):
        here.alarms.after("shop.1")


def test_agents_read_what_they_share_in_a_run_without_being_asked(worked: Caller, join: Joining) -> None:
    """They act through the runtime: what a process may look at is not what its agents work with."""
    tools = workspace_tools(networks(join("service:idle", "viewer")).workspace)
    call = Call(key="k", run=RUN, agent="clerk", folder=Path())
    found = asyncio.run(invoke(tools["workspace_get"], {"key": "plan"}, call, max_chars=1000))
    assert found.value["value"] == "ring back"
    assert len(asyncio.run(invoke(tools["workspace_list"], {}, call, max_chars=1000)).value) == 2


def test_a_worker_of_one_network_serves_it(worked: Caller, join: Joining) -> None:
    """Whoever may use none does not begin."""
    networks(join("service:desk", "operator@networks:/desk")).worker(WorkerSettings())
    with pytest.raises(Unauthorized, match="service:idle may not use networks:/"):
        networks(join("service:idle", "viewer")).worker(WorkerSettings())


def test_a_batch_is_gone_on_with_by_whoever_began_it_and_by_those_who_may_read_it(
    worked: Caller, join: Joining
) -> None:
    """Both need leave to use its network; a part of an id is looked for among all runs, which takes leave for all."""
    worked.access.define(Role("runner", "", (Permission.parse("use networks:/desk"),)))
    runner, operator = networks(join("service:runner", "runner")), networks(join("user:op", "operator@networks:/desk"))
    mine = runner.run(DESK, [{"ticket": "another"}])
    assert runner.resume(mine.batch).runs == mine.runs
    assert [run.id for run in operator.resume("desk.1").runs] == [RUN]
    with pytest.raises(Unauthorized, match="service:runner may not read runs:/desk"):
        runner.resume("desk.1")
    with pytest.raises(Unauthorized, match="user:op may not read runs:/shop"):
        operator.resume("shop.1")
    with pytest.raises(Unauthorized, match="user:au may not use networks:/desk"):
        networks(join("user:au", "auditor")).resume("desk.1")
    with pytest.raises(Unauthorized, match="user:op may not read runs:/:"):
        operator.find("k.1.1")
    assert networks(worked).find("k.1.1") == RUN
