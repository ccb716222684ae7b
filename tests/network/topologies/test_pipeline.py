"""Steps, one after another and in loops."""

from tests.network.topologies.playing import agent, played

from stemma.core.trust import INTERNAL, UNTRUSTED
from stemma.network.agent import Condition
from stemma.network.flow import Loop, Pipeline, Step
from stemma.network.run import RunStatus
from stemma.network.turn import Unusable

LINE = Pipeline("line", (Step("triage"), Step("reply")))


def test_each_step_reads_what_came_before() -> None:
    """The second agent is sent what the first wrote, by the first."""
    done = played(LINE, {"triage": "cards"}, agents=[agent("reply", "ticket", "triage_says")])
    assert done.end is None
    assert done.sent == [("r.1", "triage"), ("r.2", "reply")]
    assert done.data("reply") == [{"ticket": "I lost my card", "triage_says": "cards"}]
    assert done.exchange.messages[1].sender == "triage"
    assert done.values == {"triage_says": "cards", "reply_says": "reply is done"}


def test_step_without_an_answer_ends_the_task() -> None:
    """The task fails with the agent's name and the reason, and keeps what was answered before."""
    done = played(LINE, {"reply": Unusable("the model declined")})
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.FAILED, "agent 'reply': the model declined")
    assert done.values == {"triage_says": "triage is done"}


def test_unmet_condition_hands_the_task_over() -> None:
    """An agent whose condition does not hold is not asked; the person is told why."""
    guarded = agent("reply", when=Condition({"triage_says": "yes"}, "nobody can answer this"))
    done = played(LINE, {"triage": "no"}, agents=[guarded])
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.HANDED_OVER, "nobody can answer this")
    assert [recipient for _, recipient in done.sent] == ["triage"]


def test_condition_over_a_value_that_nobody_wrote_does_not_hold() -> None:
    """A step hands over rather than go on without the value that it hangs on."""
    guarded = agent("reply", when=Condition({"checked": "yes"}, "unchecked"))
    done = played(LINE, {}, agents=[guarded])
    assert done.end is not None
    assert done.end.reason == "unchecked"


def test_condition_labels_what_follows() -> None:
    """A message sent because of an untrusted value is untrusted, whatever its parts are."""
    steps = Pipeline("line", (Step("triage"), Step("note")))
    note = agent("note", "policy", when=Condition({"ticket": "yes"}, "no"))
    done = played(steps, {}, agents=[agent("triage", "policy"), note], ticket="Yes ")
    assert done.end is None
    first, second = done.exchange.messages
    assert UNTRUSTED.flows_to(second.label)
    assert not UNTRUSTED.flows_to(first.label)


def test_loop_ends_when_its_condition_holds() -> None:
    """Rounds go on until the value is the one wanted; each answer takes the place of the one before."""
    loop = Loop("build", (Step("coder"), Step("tester")), Condition({"tester_says": "yes"}, "no program passed"), 4)
    reads = agent("coder", "ticket", "tester_says")
    done = played(loop, {"coder": iter(["one", "two"]), "tester": iter(["no", " Yes"])}, agents=[reads])
    assert done.end is None
    assert done.values == {"coder_says": "two", "tester_says": " Yes"}
    assert [data["tester_says"] for data in done.data("coder")] == ["", "no"]
    assert INTERNAL.join(UNTRUSTED) in done.task.decisive


def test_loop_that_never_holds_goes_to_a_person() -> None:
    """After the last round the task is handed over with the loop's reason, and the last answers are kept."""
    loop = Loop("build", (Step("coder"),), Condition({"coder_says": "yes"}, "no program passed"), 3)
    done = played(loop, {"coder": iter(["a", "b", "c"])})
    assert done.end is not None
    assert (done.end.status, done.end.reason) == (RunStatus.HANDED_OVER, "no program passed")
    assert done.values == {"coder_says": "c"}
    assert len(done.sent) == 3
