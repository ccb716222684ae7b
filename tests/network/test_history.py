"""What an agent sees again of the same task."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert
from tests.network.monitored import message, part

from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.ledger.scope import Scope
from stemma.network.history import earlier
from stemma.network.message import Message
from stemma.network.turn import Reply
from stemma.network.wire import to_json
from stemma.store.schema import messages, networks, runs

pytestmark = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
DEFAULT = Reply("fine", INTERNAL)


def seen(
    scope: Scope, most: int, *before: Any, last: Message | None = None, reply: Reply | None = None
) -> list[tuple[str, Any]]:
    """What is seen again at a message that comes after `before`: messages with their reply, which may be none."""
    rows: list[dict[str, Any]] = []
    for number, (sent, replied, more) in enumerate([*before, (last or message(), reply, {})], start=1):
        one = replace(sent, id=f"r.1.{number}", **more.get("message", {}))
        row = {"id": one.id, "run": one.run, "sender": one.sender, "recipient": one.recipient, "inbox": "desk/clerk"}
        row |= {"body": json.dumps(one.to_json()), "sent_at": "now", "status": "answered" if replied else "waiting"}
        row |= {"answer": json.dumps(to_json(replied)) if replied else None}
        rows.append(row | more.get("row", {}))
        last = one
    with scope.write() as transaction:
        connection = transaction.connection
        connection.execute(insert(networks).values(digest=b"d", name="desk", body=b"{}", folder="", created_at="now"))
        made = {"batch": "b", "name": "desk", "network": b"d", "request": "{}", "status": "running", "actor": "ada"}
        made |= {"created_at": "now"}
        connection.execute(insert(runs), [made | {"id": id, "item": n} for n, id in enumerate(("r.1", "r.2"))])
        for row in rows:
            connection.execute(insert(messages).values(**row))
        assert last is not None
        return [(one.id, reply.value) for one, reply in earlier(connection, last, most)]


def turn(decided: TrustLabel = INTERNAL, reply: Reply | None = DEFAULT, **more: Any) -> Any:
    return message(part("bill", "x", UNTRUSTED), decided=decided), reply, more


def test_newest_turns_are_seen_again_the_oldest_first(scope: Scope) -> None:
    """As many as are wanted, of those that came before."""
    before = [turn(reply=Reply(number, INTERNAL)) for number in range(4)]
    assert seen(scope, 2, *before) == [("r.1.3", 2), ("r.1.4", 3)]


def test_only_its_own_answered_turns_of_the_task_are_seen(scope: Scope) -> None:
    """Not those that wait, nor another agent's, nor another run's."""
    before = [
        turn(),
        turn(reply=None),
        turn(message={"recipient": "other"}),
        turn(message={"run": "r.2"}),
        turn(row={"status": "cancelled"}),
    ]
    assert seen(scope, 9, *before) == [("r.1.1", "fine")]


def test_turn_does_not_see_itself(scope: Scope) -> None:
    """Not even where its answer is there already."""
    assert seen(scope, 9, turn(), reply=DEFAULT) == [("r.1.1", "fine")]


def test_strangers_add_no_turn_to_what_we_decide_on(scope: Scope) -> None:
    """How many there are is not up to them; a turn that they had it take sees those before that they had it take."""
    before = [turn(UNTRUSTED), turn(INTERNAL), turn(TRUSTED)]
    assert [id for id, _ in seen(scope, 9, *before)] == ["r.1.2", "r.1.3"]


def test_turn_that_strangers_decided_on_sees_all(scope: Scope) -> None:
    """There is nothing left to keep from it."""
    before = [turn(UNTRUSTED), turn(INTERNAL)]
    assert [id for id, _ in seen(scope, 9, *before, last=message(decided=UNTRUSTED))] == ["r.1.1", "r.1.2"]


def test_our_own_decisions_are_seen_whoever_decided(scope: Scope) -> None:
    """A turn that a person decided on sees those that a model of ours did."""
    assert [id for id, _ in seen(scope, 9, turn(INTERNAL), last=message(decided=TRUSTED))] == ["r.1.1"]


def test_strangers_take_no_turn_away(scope: Scope) -> None:
    """One that came to nothing is not seen, unless that may be up to a stranger: then it would show what he wrote."""
    failed = Reply(problem="no answer", label=INTERNAL)
    before = [
        turn(reply=failed),
        turn(reply=replace(failed, label=UNTRUSTED)),
        turn(reply=replace(failed, label=None)),
        turn(reply=replace(failed, value="x"), row={"status": "dead"}),
    ]
    assert seen(scope, 9, *before) == [("r.1.2", None), ("r.1.3", None)]


def test_dead_turn_is_seen_where_a_stranger_may_have_killed_it(scope: Scope) -> None:
    """As one that was answered is."""
    failed = Reply(problem="no answer", label=UNTRUSTED)
    assert seen(scope, 9, turn(reply=failed, row={"status": "dead"})) == [("r.1.1", None)]
