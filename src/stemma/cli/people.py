"""`stemma people`: what waits for a person, and the person's word."""

import json
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.messages import goes_on
from stemma.cli.options import Json, read_text
from stemma.cli.output import labelled, note, one_line, print_json, say, tell
from stemma.core.errors import InvalidInput

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.network import Asked, Verdict

app = typer.Typer(no_args_is_help=True, help="What waits for a person, and the answers.")

Id = Annotated[str, typer.Argument(help="A question's id, or as much of its beginning or end as names it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]

_SPANS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@app.command("ls")
def ls(
    run: Annotated[str | None, typer.Option("--run", help="Only the questions of this run.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 50,
    as_json: Json = False,
) -> None:
    """List what waits for a person, the oldest first, with the facts that the runtime knows.

    Example: `stemma people ls`
    """
    with stemma.open(create=False) as here:
        found, now = here.networks.questions.ls(run=run, every=every, limit=limit), here.clock.now()
    if as_json:
        print_json([question_json(asked) for asked in found])
        return
    if not found:
        note("nothing waits for a person" if run is None else f"nothing in run {run} waits for a person")
    for asked in found:
        _print(asked, now)
    waiting = next((asked for asked in found if asked.decision is None), None)
    if waiting is not None:
        say(f"\nanswer one with: stemma people {_ways(waiting)}", style="dim")


@app.command("show")
def show(question_id: Id, as_json: Json = False) -> None:
    """Show a question whole, every fact uncut, and what was decided.

    Example: `stemma people show b_01.1.1.t1`
    """
    with stemma.open(create=False) as here:
        asked, now = here.networks.questions.get(question_id), here.clock.now()
    if as_json:
        print_json(question_json(asked))
        return
    _print(asked, now, whole=True)
    if asked.decision is None:
        say(f"\nanswer it with: stemma people {_ways(asked)}", style="dim")


@app.command("approve")
def approve(question_id: Id, reason: Reason = "", as_json: Json = False) -> None:
    """Let what was asked for go ahead as it stands.

    Example: `stemma people approve b_01.1.1.t1 --reason "receipt seen"`
    """
    from stemma.network import Verdict

    _decide(question_id, Verdict.APPROVED, None, reason, as_json=as_json)


@app.command("reject")
def reject(question_id: Id, reason: Reason = "", as_json: Json = False) -> None:
    """Forbid what was asked for. The agent that wanted it is told, with the reason.

    Example: `stemma people reject b_01.1.1.t1 --reason "paid already"`
    """
    from stemma.network import Verdict

    _decide(question_id, Verdict.REJECTED, None, reason, as_json=as_json)


@app.command("edit")
def edit(
    question_id: Id,
    value: Annotated[str, typer.Option("--value", help="JSON, or @FILE that holds it: what to go on with.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let it go ahead with a value of your own: a call's arguments, or an answer.

    Example: `stemma people edit b_01.1.1.t1 --value '{"amount": 20}'`
    """
    from stemma.network import Verdict

    _decide(question_id, Verdict.EDITED, _json_value(value), reason, as_json=as_json)


@app.command("answer")
def answer(
    question_id: Id,
    choice: Annotated[str, typer.Argument(help="One of the question's choices.")],
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Choose, where a question offers choices.

    Example: `stemma people answer b_01.1.4 refund`
    """
    from stemma.network import Verdict

    _decide(question_id, Verdict.ANSWERED, choice, reason, as_json=as_json)


def _decide(question_id: str, verdict: "Verdict", value: Any, reason: str, *, as_json: bool) -> None:
    with stemma.open(create=False) as here:
        asked = here.networks.questions.decide(question_id, verdict, value=value, reason=reason)
    if as_json:
        print_json(question_json(asked))
        return
    say(f"{verdict.value} {asked.question.id}")
    note(goes_on(asked.question.run))


def question_json(asked: "Asked") -> dict[str, Any]:
    from stemma.network.wire import to_json

    decision = None if asked.decision is None else to_json(asked.decision)
    times = {"asked_at": asked.asked_at, "deadline": asked.deadline, "decided_at": asked.decided_at}
    return {**to_json(asked.question), **times, "decision": decision}


def _print(asked: "Asked", now: datetime, *, whole: bool = False) -> None:
    question, width = asked.question, None if whole else 200
    say(f"\n{question.id}", style="bold")
    tell(one_line(question.text))
    facts = dict(question.facts)
    trust, sources, arguments = facts.pop("trust", None), facts.pop("sources", {}), facts.get("arguments")
    confidential = facts.pop("confidential", {})
    if trust is not None and isinstance(arguments, dict):
        del facts["arguments"]
        for name, value in arguments.items():
            tell(f"{name}: {labelled(value, trust[name], width)}")
            origins = (f"from {source}" for source in sources.get(name, ()))
            clear = ["tokens turned back for the tool"] if name in facts.get("reveals", ()) else []
            tell(f"  {', '.join([trust[name], *confidential.get(name, ()), *origins, *clear])}", style="dim")
        facts.pop("reveals", None)
    why, policy, integrity = facts.pop("why", []), facts.pop("policy", None), question.label.integrity.name.lower()
    for name, fact in facts.items():
        tell(f"{name}: {labelled(fact, integrity, width)}")
    for line in why if whole else ["; ".join(dict.fromkeys(reason.partition("; ")[0] for reason in why))] * bool(why):
        tell(f"why: {labelled(line, integrity)}")
    if whole and policy:
        tell(f"policy: {policy}")
    if question.choices:
        tell(f"choices: {', '.join(map(one_line, question.choices))}")
    tell(
        f"{question.kind} · {question.label.integrity.name.lower()} · run {question.run} · {_standing(asked, now)}",
        style="dim",
    )


def _standing(asked: "Asked", now: datetime) -> str:
    """How long ago it was asked, and what becomes of it."""
    told = f"asked {span((now - datetime.fromisoformat(asked.asked_at)).total_seconds())} ago"
    if asked.decision is not None:
        told += f" · {asked.decision.verdict} by {asked.decision.by}"
        told += f": {one_line(asked.decision.value)}" if asked.decision.value is not None else ""
        return told + (f" ({one_line(asked.decision.reason)})" if asked.decision.reason else "")
    if asked.deadline is None:
        return told
    left = (datetime.fromisoformat(asked.deadline) - now).total_seconds()
    policy = {"reject": "rejected", "approve": "approved", "fail": "failed"}[asked.question.on_timeout]
    return f"{told} · {policy} {f'in {span(left)}' if left > 0 else 'now'}, unless answered"


def _ways(asked: "Asked") -> str:
    ids = asked.question.id
    if asked.question.choices:
        first, *others = (shlex.quote(one_line(one)) for one in asked.question.choices)
        return f"answer {ids} {first} (or {', '.join([*others, 'reject'])})"
    return f"approve {ids} (or {'reject' if asked.question.takes is None else 'edit, or reject'})"


def span(seconds: float) -> str:
    """A length of time in one word and its number, rounded down.

    >>> span(200), span(86_400), span(0.2)
    ('3 minutes', '1 day', '0 seconds')
    """
    size, name = next((one for one in _SPANS if seconds >= one[0]), _SPANS[-1])
    number = max(0, int(seconds // size))
    return f"{number} {name}{'' if number == 1 else 's'}"


def _json_value(text: str) -> Any:
    written = read_text(Path(text[1:])) if text.startswith("@") else text
    try:
        return json.loads(written)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"--value {text!r} is not JSON ({error.msg}); a text needs its quotes, as in --value '\"hello\"'"
        ) from error
