"""`stemma messages`: what agents sent each other, dead letters, and inboxes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import labelled, note, one_line, print_json, print_table, say, tell

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.network import Letter, Message

app = typer.Typer(no_args_is_help=True, help="Messages between agents, dead letters, inboxes.")

Id = Annotated[str, typer.Argument(help="A message's id.")]

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

    with stemma.open() as here:
        status = MessageStatus.DEAD if dead else None
        found = here.networks.letters.ls(status=status, run=run, agent=agent, limit=limit)
    if as_json:
        print_json([letter_json(one) for one in found])
    elif not found:
        note("there are no dead letters" if dead else "there are no such messages")
    else:
        rows = [
            (one.message.id, one.status.value, f"{one.message.sender} → {one.message.recipient}", one.reason or "")
            for one in found
        ]
        print_table(("message", "status", "way", "reason"), rows, styles=[_STYLES.get(one.status) for one in found])


@app.command("show")
def show(message_id: Id, as_json: Json = False) -> None:
    """Show a message, every part with its trust label, and what became of it.

    Example: `stemma messages show b_01.1.2`
    """
    with stemma.open() as here:
        letter = here.networks.letters.get(message_id)
    if as_json:
        print_json(letter_json(letter))
        return
    print_message(letter.message)
    if letter.answer is not None:
        say(f"  → {one_line(letter.answer)}", style="green")
    again = f" · taken on {letter.deliveries} times" if letter.deliveries > 1 else ""
    tell(f"{letter.status} · sent {letter.sent_at}{again}", style="dim")
    if letter.reason:
        tell(one_line(letter.reason), style="red")


@app.command("replay")
def replay(message_id: Id, as_json: Json = False) -> None:
    """Put a dead letter back into its inbox, and let its run go on with the answer.

    Example: `stemma messages replay b_01.1.2`
    """
    with stemma.open() as here:
        letter = here.networks.letters.replay(message_id)
    if as_json:
        print_json(letter_json(letter))
        return
    say(f"{letter.message.id} waits again for {letter.message.recipient}")
    note(f"run {letter.message.run} goes on where a worker serves it, else with the command that began it")


@app.command("inboxes")
def inboxes(as_json: Json = False) -> None:
    """Count the messages of each inbox that wait, are worked on and are dead.

    Example: `stemma messages inboxes`
    """
    with stemma.open() as here:
        found, backlog = here.networks.letters.inboxes(), here.networks.backlog()
    if as_json:
        print_json({"inboxes": found, "waiting": backlog.waiting, "oldest_seconds": backlog.oldest_seconds})
    elif not found:
        note("every inbox is empty")
    else:
        statuses = ("waiting", "running", "dead")
        print_table(("inbox", *statuses), [(name, *(str(of[one]) for one in statuses)) for name, of in found.items()])


def print_message(message: "Message") -> None:
    """Who wrote to whom, and every part with its trust."""
    role = f" as {message.role}" if message.role else ""
    say(f"\n{message.sender} → {message.recipient}{role}  {message.id}", style="bold")
    for part in message.parts:
        trust = part.label.integrity.name.lower()
        say(f"  {part.kind} {part.name} ({trust}): {labelled(part.value, trust)[:300]}")


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
