"""`stemma alarms`: what was noticed in the traffic of networks, with the way that each took."""

from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import labelled, note, one_line, print_json, print_table, say, tell
from stemma.core.errors import InvalidInput
from stemma.core.marked import near

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.guard.alarms import Alarm, Hop, Kind
    from stemma.network.alarms import Raised
    from stemma.platform import Stemma

app = typer.Typer(no_args_is_help=True, help="What was noticed in the traffic of networks.")

_STYLES = {"critical": "red", "warning": "yellow", "notice": None}
_SHOWN = 160  # characters of a text that are shown


@app.command("ls")
def ls(
    run: Annotated[str | None, typer.Option("--run", help="Only the alarms of this run.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only those of this kind, such as call.denied.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest alarms: what was noticed, where it came from, what was stopped.

    Example: `stemma alarms ls --kind call.denied`
    """
    with stemma.open(create=False) as here:
        run = None if run is None else here.networks.find(run)
        found, behind = here.alarms.ls(run=run, kind=_kind(kind), limit=limit), here.alarms.behind()
    if as_json:
        print_json([one.to_json() for one in found])
        return
    if found:
        rows = [
            (
                one.alarm.id,
                one.alarm.severity.value,
                one.alarm.kind.value,
                _from(one.alarm),
                one_line(one.alarm.stopped),
            )
            for one in found
        ]
        titles = ("alarm", "severity", "kind", "from", "stopped")
        print_table(titles, rows, styles=[_STYLES[one.alarm.severity] for one in found])
    else:
        note("there are no such alarms" if run or kind else "there are no alarms")
    if behind:
        note(f"{_entries(behind)} of the audit log not looked at yet; look with: stemma alarms scan")


@app.command("show")
def show(
    alarm_id: Annotated[str, typer.Argument(help="An alarm's id, or as much of its beginning as names it.")],
    as_json: Json = False,
) -> None:
    """Show an alarm with the way it took, from the source to where it was stopped, hop by hop.

    Example: `stemma alarms show a_5f0c2d91`
    """
    with stemma.open(create=False) as here:
        found = here.alarms.get(alarm_id)
        texts = [_text(here, hop) for hop in found.alarm.path]
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, texts)


@app.command("scan")
def scan(as_json: Json = False) -> None:
    """Look at every task that ended since the last scan, and raise what it shows. Workers do so by themselves.

    Example: `stemma alarms scan`
    """
    with stemma.open(create=False) as here:
        behind = here.alarms.behind()
        found = here.alarms.scan()
    if as_json:
        print_json([one.to_json() for one in found])
        return
    for one in found:
        say(f"{one.id}  {one.kind.value}  {_from(one)}", style=_STYLES[one.severity])
    said = "1 alarm was" if len(found) == 1 else f"{len(found)} alarms were"
    note(f"{said} raised by {_entries(behind)} of the audit log")


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _kind(name: str | None) -> "Kind | None":
    from stemma.guard.alarms import Kind

    if name is None:
        return None
    try:
        return Kind(name)
    except ValueError:
        raise InvalidInput(
            f"there is no kind of alarm {name!r}{near(name, [*map(str, Kind)])}; there are {', '.join(Kind)}"
        ) from None


def _from(alarm: "Alarm") -> str:
    return "unknown" if alarm.source is None else one_line(f"{alarm.source.kind.value} {alarm.source.name}", 40)


def _text(here: "Stemma", hop: "Hop") -> str:
    """What a hop carried, where it is a part of its message."""
    value = here.networks.letters.get(hop.message).message.data.get(hop.part)
    integrity = "untrusted" if hop.label is None else hop.label.integrity.name.lower()
    return "" if value is None else labelled(value, integrity, _SHOWN)


def _print(found: "Raised", texts: list[str]) -> None:
    alarm = found.alarm
    say(f"\n{alarm.kind.value}  {alarm.id}", style="bold")
    say(f"  from {_from(alarm)}{_trust(alarm.source.label if alarm.source else None)}")
    for depth, (hop, text) in enumerate(zip(alarm.path, texts, strict=True)):
        way = one_line(f"{hop.sender} → {hop.recipient}: {hop.part}{_trust(hop.label)}")
        say(f"  {'   ' * depth}└─ {way}  {hop.message}")
        if text:
            say(f"  {'   ' * depth}     {text}", style="dim")
    say(f"  {'   ' * len(alarm.path)}■ {one_line(alarm.stopped)}", style=_STYLES[alarm.severity])
    for name, value in alarm.detail.items():
        if value not in (None, [], ""):
            tell(f"{name}: {one_line(value)}", style="dim")
    where = f" · run {alarm.run}" if alarm.run else ""
    tell(f"{alarm.severity.value} · {found.at}{where}", style="dim")


def _trust(label: object) -> str:
    integrity = getattr(label, "integrity", None)
    return "" if integrity is None else f" ({integrity.name.lower()})"
