"""Raising alarms: one row and one event for each, in the transaction of what it is about.

What is refused is an alarm at once. A turn in which nothing is refused pays for a look at the kinds of its events.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.alarms import Alarm, Hop, Kind, Trace, trace
from stemma.ledger.scope import Transaction
from stemma.network.alarms.turns import Turns, words_of
from stemma.network.manifest.names import BRIEF
from stemma.network.people import Question
from stemma.store.schema import alarms

ALARMING = frozenset({"tool.denied", "instruction.refused"})
"""The kinds of events that may be one."""


def heed(transaction: Transaction, run: str, kind: str, subject: str, data: Mapping[str, Any]) -> None:
    """Raises the alarm that an event of one of the `ALARMING` kinds is, if it is one."""
    if kind == "tool.denied":
        _call_denied(transaction, run, subject, data)
    else:
        _instruction_refused(transaction, run, subject, data)


def flooded(transaction: Transaction, question: Question) -> None:
    """Raises the alarm that a task asks people more often than it may."""
    turns = Turns(transaction.connection)
    found = trace(turns, question.subject)
    detail = {"most": question.most, "question": question.kind, "others": found.others}
    tool = question.facts.get("tool")
    raised(
        transaction,
        Alarm(
            Kind.APPROVAL_FLOOD,
            turns.task(question.run).network,
            question.run,
            question.run,
            question.kind,
            found.source,
            found.path,
            f"nobody was asked any more, and {tool!r} was not called" if tool else "nobody was asked any more",
            detail,
        ),
    )


def raised(transaction: Transaction, alarm: Alarm) -> bool:
    """Writes an alarm down, unless the same was raised before; whether it was not."""
    row = {
        "id": alarm.id,
        "kind": alarm.kind.value,
        "run": alarm.run,
        "at": transaction.at,
        "body": json.dumps(alarm.to_json(), ensure_ascii=False),
    }
    inserting = (sqlite if transaction.connection.dialect.name == "sqlite" else postgresql).insert(alarms).values(row)
    if transaction.connection.execute(inserting.on_conflict_do_nothing().returning(alarms.c.id)).first() is None:
        return False
    transaction.note("alarm.raised", subject=alarm.subject, data=alarm.to_json())
    return True


def _call_denied(transaction: Transaction, run: str, subject: str, data: Mapping[str, Any]) -> None:
    untrusted = [name for name, label in data["labels"].items() if label["integrity"] == _UNTRUSTED]
    if not untrusted and data["decided"]["integrity"] != _UNTRUSTED:
        return
    message, _, step = subject.rpartition(".")
    tool, effect = data["tool"], data["effect"]
    alarm = Alarm(
        Kind.CALL_DENIED,
        data["network"],
        run,
        message,
        tool,
        None,
        (),
        f"{tool!r} ({effect}) was not called",
        {"effect": effect, "untrusted": untrusted, "reasons": list(data["reasons"]), "version": data["version"]},
    )
    if _known(transaction.connection, alarm.id):  # tried again in the same turn
        return
    turns = Turns(transaction.connection)
    task = turns.task(run)
    call = task.call(message, step)
    written = [] if call is None else list(call.arguments.values())
    named = [source for name in untrusted for source in data.get("sources", {}).get(name, ())]
    found = trace(turns, message, said=words_of([*written, *task.extracted(message)]), filled_with=named)
    raised(transaction, _traced(alarm, found))


def _instruction_refused(transaction: Transaction, run: str, subject: str, data: Mapping[str, Any]) -> None:
    agent, author = data["agent"], data.get("by")
    stopped = f"{agent!r}, who can act, was not asked at all"
    alarm = Alarm(Kind.INSTRUCTION_REFUSED, "", run, subject, agent, None, (), stopped)
    if _known(transaction.connection, alarm.id):
        return
    turns = Turns(transaction.connection)
    found = trace(turns, subject)
    if author is not None:
        stopped = f"the words did not instruct {agent!r}, who can act: it got them as data"
        brief = Hop(subject, author, agent, BRIEF, TrustLabel.from_json(data["label"]))
        found = replace(found, path=(*found.path, brief))
    raised(transaction, replace(_traced(alarm, found), network=turns.task(run).network, stopped=stopped))


def _traced(alarm: Alarm, found: Trace) -> Alarm:
    return replace(alarm, source=found.source, path=found.path, detail={**alarm.detail, "others": found.others})


def _known(connection: Connection, id: str) -> bool:
    return connection.execute(select(alarms.c.id).where(alarms.c.id == id)).first() is not None


_UNTRUSTED = Integrity.UNTRUSTED.name.lower()
