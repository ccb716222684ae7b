"""`stemma attack`: what gets through a network in which every model obeys whatever it reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemma.cli.options import Json
from stemma.cli.output import counting, percent, print_json, print_table, say, tell

if TYPE_CHECKING:  # the network takes half a second to import, and help does without
    from stemma.platform.attack import AttackReport

GOT_THROUGH = 100
_SHOWN = 20  # failures that are named


def attack(
    suite: Annotated[str, typer.Option("--suite", help="The attacks: agentdojo, or another that --list names.")] = "",
    network: Annotated[
        Path | None, typer.Option("--network", help="Folder of your own network, for suites that can use one.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the suites, and run none.")] = False,
    as_json: Json = False,
) -> None:
    """Attack a network with the gullible model in every node. Exit code 100: something got through.

    Example: `stemma attack --suite agentdojo`
    """
    from stemma.core.errors import InvalidInput
    from stemma.platform.attack import SUITES, Mode, suite_called
    from stemma.platform.attack import attack as run

    if listed:
        print_json(list(SUITES)) if as_json else say("\n".join(SUITES))
        return
    if not suite:
        raise InvalidInput(f"say which attacks to run: --suite {' or --suite '.join(SUITES)}")
    chosen, done = suite_called(suite, network), 0
    with counting(f"attacking: {suite}", sum(map(chosen.size, Mode))) as bar:

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
    say(f"\n{report.suite}: {report.pairs} attacks, in {report.seconds:.0f} s", style="bold")
    print_table(("what", "figure"), rows)
    for failure in report.failures[:_SHOWN]:
        tell(f"{failure.mode}: {failure.case}: {failure.problem}", style="dim")
    if len(report.failures) > _SHOWN:
        tell(f"and {len(report.failures) - _SHOWN} more; see them all with --json", style="dim")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
