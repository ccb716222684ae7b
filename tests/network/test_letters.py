"""Letters: what was sent, inboxes, and dead ones that are delivered again."""

import pytest
from tests.network.desks import networks_on, rule, tickets

from stemma.core.errors import Conflict, NotFound
from stemma.ledger.scope import Scope
from stemma.network import Manifest, MessageStatus, Networks, RunStatus
from stemma.testing.scripted import ScriptedModel


class Forgetful:
    """Answers by rule, but for one agent that says nothing for as long as it is `away`."""

    def __init__(self, agent: str) -> None:
        self.agent, self.away = agent, True

    def __call__(self, system: str, user: str) -> str:
        return "" if self.away and system.startswith(self.agent) else rule(system, user)


@pytest.fixture
def answers() -> Forgetful:
    return Forgetful("find")


@pytest.fixture
def networks(scope: Scope, answers: Forgetful) -> Networks:
    return networks_on(scope, ScriptedModel(answers))


def test_letters_are_listed_by_where_they_stand(networks: Networks, manifest: Manifest) -> None:
    """The newest come first; a dead one has its reason; inboxes count those that wait, run and are dead."""
    run = networks.run(manifest, tickets(1)).runs[0]
    assert run.status is RunStatus.FAILED
    letters = networks.letters
    assert [one.message.recipient for one in letters.ls()] == ["search", "triage"]
    [dead] = letters.ls(status=MessageStatus.DEAD)
    assert dead.reason is not None
    assert dead.deliveries == 1
    assert letters.ls(run=run.id, agent="search") == [dead] == [letters.get(dead.message.id)]
    assert letters.ls(run="none") == []
    assert letters.inboxes() == {"support-desk/search": {"waiting": 0, "running": 0, "dead": 1}}


def test_replayed_letter_is_answered_and_its_run_goes_on(
    scope: Scope, networks: Networks, answers: Forgetful, manifest: Manifest
) -> None:
    """The dead turn begins anew, what others had answered stands, and the whole is done under the same ids."""
    batch = networks.run(manifest, tickets(2), batch="b")
    assert [run.status for run in batch.runs] == [RunStatus.FAILED] * 2
    answers.away = False
    for letter in networks.letters.ls(status=MessageStatus.DEAD):
        again = networks.letters.replay(letter.message.id)
        assert (again.status, again.reason, again.answer) == (MessageStatus.WAITING, None, None)
    assert networks.backlog().waiting == 4, "each letter, and its run"
    resumed = networks.run(manifest, tickets(2), batch="b")
    assert resumed.batch == batch.batch
    assert [run.status for run in resumed.runs] == [RunStatus.COMPLETED] * 2
    assert resumed.calls == 2 * 3, "the answers of the first agent are not asked for again"
    kinds = [entry.kind for entry in scope.ledger.tail(1000)]
    assert kinds.count("message.replayed") == 2
    assert kinds.count("message.buried") == 2


def test_letter_that_is_not_dead_is_left_alone(networks: Networks, answers: Forgetful, manifest: Manifest) -> None:
    """An answered message is not asked again, and one that there is not is not found."""
    answers.away = False
    networks.run(manifest, tickets(1))
    with pytest.raises(Conflict, match="is answered, not dead"):
        networks.letters.replay(networks.letters.ls(agent="triage")[0].message.id)
    with pytest.raises(NotFound, match="list messages with: stemma messages ls"):
        networks.letters.replay("none")
