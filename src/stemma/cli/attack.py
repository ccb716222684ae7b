"""`stemma attack`: what gets through a network in which every model obeys whatever it reads."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemma.cli.options import Json
from stemma.cli.output import counting, percent, print_json, print_table, say, tell

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.platform.attack import AttackReport, Failure

GOT_THROUGH = 100
_SHOWN = 10  # failures of a kind that are named


def attack(
    suite: Annotated[
        str, typer.Option("--suite", help="The attacks; see --list. With --network and no suite: injection.")
    ] = "",
    network: Annotated[
        Path | None,
        typer.Option("--network", help="Folder of your own network (or its manifest). Its tools are never called."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say what the suites do, and run none.")] = False,
    as_json: Json = False,
) -> None:
    """Attack a network with the gullible model in every node. Exit code 100: something got through.

    Example: `stemma attack --network .`
    """
    from stemma.core.errors import InvalidInput
    from stemma.platform.attack import FIRST, SUITES, Mode, suite_called
    from stemma.platform.attack import attack as run

    if listed:
        _list(as_json=as_json)
        return
    if not suite and network is None:
        raise InvalidInput(
            f"say what to attack: your own network with --network DIR, or one of ours with --suite "
            f"{' or --suite '.join(name for name, known in SUITES.items() if known.made)}"
        )
    chosen, done = suite_called(suite or FIRST, network), 0
    with counting(f"attacking: {chosen.name}", sum(map(chosen.size, Mode))) as bar:

        def tell_more(_: Mode, more: int) -> None:
            nonlocal done
            done += more
            bar(done)

        report = run(chosen, progress=tell_more)
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    if not report.held:
        raise typer.Exit(GOT_THROUGH)


def _list(*, as_json: bool) -> None:
    from stemma.platform.attack import SUITES

    if as_json:
        print_json({name: {"about": one.about, "network": one.takes_network} for name, one in SUITES.items()})
        return
    rows = [(name, "yes" if one.takes_network else "no", one.about) for name, one in SUITES.items()]
    print_table(("suite", "--network", "what it does"), rows, fold=True)


def _print(report: "AttackReport") -> None:
    rows = [
        ("attacks that get through, guard off", percent(report.undefended_asr)),
        ("attacks that get through", percent(report.asr)),
        ("answers with an attacker's words that are marked", percent(report.text_only_marked)),
        ("tasks done, nobody approves anything", percent(report.utility_without_approval)),
        ("tasks done, somebody approves what they need", percent(report.utility)),
        ("questions to that person, for each task", _number(report.approvals_per_task)),
        ("alarms", str(report.alarms)),
    ]
    of = f" of network {report.network}" if report.network else ""
    say(
        f"\n{report.suite}{of}: {report.pairs} attack{'' if report.pairs == 1 else 's'}, in {report.seconds:.0f} s",
        style="bold",
    )
    print_table(("what", "figure"), rows)
    if report.tasks == "made-up":
        tell("The task was made up: done means no more than that it ended. Write tasks down in attack.yaml.", indent="")
    if report.network and report.no_way:
        what = "all of them" if report.no_way == report.pairs else f"{report.no_way} of {report.pairs}"
        tell(f"No way through, even with the guard off, for {what}: of these the guard is not what holds.", indent="")
    for note in report.notes:
        tell(f"note: {note}", indent="", style="dim")
    for mode, failures in groupby(report.failures, key=lambda one: one.mode):
        _name(mode, list(failures))


def _name(mode: str, failures: "Sequence[Failure]") -> None:
    say(f"\n{mode}", style="bold")
    for failure in failures[:_SHOWN]:
        tell(f"{failure.case}: {failure.problem}", style="red" if mode == "defended" else "dim")
    if len(failures) > _SHOWN:
        tell(f"and {len(failures) - _SHOWN} more; see them all with --json", style="dim")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
