"""`stemma messages`: what agents sent each other, dead letters, and inboxes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import labelled, note, one_line, print_json, print_table, say, tell

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.network import Letter, Message

app = typer.Typer(no_args_is_help=True, help="Messages between agents, dead letters, inboxes.")

Id = Annotated[str, typer.Argument(help="A message's id, or as much of its beginning or end as names it.")]

_SHOWN = 200  # columns of a value in a list of many
_STYLES = {"dead": "red", "waiting": "yellow", "running": "cyan", "cancelled": "dim"}


@app.command("ls")
def ls(
    dead: Annotated[bool, typer.Option("--dead", help="Only dead letters.")] = False,
    run: Annotated[str | None, typer.Option("--run", help="Only the messages of this run.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="Only those to this agent.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest messages, with where they stand.

    Example: `stemma messages ls --dead`
    """
    from stemma.network import MessageStatus

    with stemma.open(create=False) as here:
        status, run = MessageStatus.DEAD if dead else None, None if run is None else here.networks.find(run)
        found = here.networks.letters.ls(status=status, run=run, agent=agent, limit=limit)
    if as_json:
        print_json([letter_json(one) for one in found])
    elif not found:
        what = "dead letters" if dead else "such messages" if run or agent else "messages yet"
        note(f"there are no {what}")
    else:
        rows = [
            (
                one.message.id,
                one.status.value,
                f"{one.message.sender} → {one.message.recipient}",
                labelled(one.reason or "", "untrusted"),
            )
            for one in found
        ]
        print_table(("message", "status", "way", "reason"), rows, styles=[_STYLES.get(one.status) for one in found])


@app.command("show")
def show(message_id: Id, as_json: Json = False) -> None:
    """Show a message, every part with its trust label, and what became of it.

    Example: `stemma messages show b_01.1.2`
    """
    with stemma.open(create=False) as here:
        letter = here.networks.letters.get(message_id)
    if as_json:
        print_json(letter_json(letter))
        return
    print_message(letter.message, whole=True)
    if letter.answer is not None:
        print_answer(letter.answer, whole=True)
    again = f" · taken on {letter.deliveries} times" if letter.deliveries > 1 else ""
    tell(f"{letter.status} · sent {letter.sent_at}{again}", style="dim")
    if letter.reason:
        tell(labelled(letter.reason, "untrusted"), style="red")  # it may quote anybody


@app.command("replay")
def replay(message_id: Id, as_json: Json = False) -> None:
    """Put a dead letter back into its inbox, and let its run go on with the answer.

    Example: `stemma messages replay b_01.1.2`
    """
    with stemma.open(create=False) as here:
        letter = here.networks.letters.replay(here.networks.letters.get(message_id).message.id)
    if as_json:
        print_json(letter_json(letter))
        return
    say(f"{letter.message.id} waits again for {letter.message.recipient}")
    note(goes_on(letter.message.run))


def goes_on(run: str) -> str:
    """How a run goes on that waited for what is there now."""
    return f"run {run} goes on where a worker serves it, else with: stemma runs resume {run.rpartition('.')[0]}"


@app.command("inboxes")
def inboxes(as_json: Json = False) -> None:
    """Count the messages of each inbox that wait, are worked on and are dead.

    Example: `stemma messages inboxes`
    """
    with stemma.open(create=False) as here:
        found, backlog = here.networks.letters.inboxes(), here.networks.backlog()
    if as_json:
        print_json({"inboxes": found, "waiting": backlog.waiting, "oldest_seconds": backlog.oldest_seconds})
    elif not found:
        note("every inbox is empty")
    else:
        statuses = ("waiting", "running", "dead")
        print_table(("inbox", *statuses), [(name, *(str(of[one]) for one in statuses)) for name, of in found.items()])


def print_message(message: "Message", *, whole: bool = False) -> None:
    """Who wrote to whom, and every part with its trust; cut where it is long, unless it is to be `whole`."""
    role = f" as {message.role}" if message.role else ""
    say(f"\n{message.sender} → {message.recipient}{role}  {message.id}", style="bold")
    for part in message.parts:
        trust = part.label.integrity.name.lower()
        value = part.value
        if part.kind == "instruction" and isinstance(value, dict) and not whole:  # the label beside it says the rest
            value = {name: one for name, one in value.items() if name not in ("digest", "trust") and one}
        _print_value(f"{part.kind} {part.name}", value, trust, whole=whole)


def print_answer(answer: Mapping[str, Any], *, whole: bool = False) -> None:
    """What was answered, as it is kept: the value with its trust, or the problem that left none, and what it took."""
    trust = str((answer.get("label") or {}).get("integrity", "untrusted"))
    if answer.get("problem"):
        _print_value("→ no answer", answer["problem"], "untrusted", whole=whole, style="red")  # it may quote anybody
    else:
        _print_value("→ answer", answer.get("value"), trust, whole=whole, style="green")
    tokens = sum(answer.get(name) or 0 for name in ("input_tokens", "output_tokens"))
    took = [f"by {one_line(answer['model'])}"] if answer.get("model") else []
    took += [f"{tokens:,} tokens"] if tokens else []
    if took:
        say(f"    {', '.join(took)}", style="dim")


def _print_value(name: str, value: Any, trust: str, *, whole: bool, style: str | None = None) -> None:
    """A text as it reads, and the entries of a record one by one, since a page of JSON is read by nobody."""
    entries = value.items() if isinstance(value, dict) and value else [("", value)]
    if isinstance(value, dict) and value:
        say(f"  {name} ({trust}):", style=style)
    for key, one in entries:
        told = labelled(one, trust, None if whole else _SHOWN)
        line = f"    {labelled(key, trust)}: {told}" if key else f"  {name} ({trust}): {told}"
        say(line.rstrip(), style=style)


def letter_json(letter: "Letter") -> dict[str, Any]:
    return {
        "message": letter.message.to_json(),
        "status": letter.status.value,
        "deliveries": letter.deliveries,
        "sent_at": letter.sent_at,
        "answered_at": letter.answered_at,
        "answer": letter.answer,
        "reason": letter.reason,
    }
