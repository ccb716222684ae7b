"""`stemma policy`: what agents may do, why a call was allowed or not, and what other policies would have said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stemma
from stemma.cli.networks import read_manifest
from stemma.cli.options import Json
from stemma.cli.output import note, one_line, print_json, print_table, say, tell
from stemma.core.errors import InvalidData

if TYPE_CHECKING:  # Cedar is loaded where it is asked; help does without
    from stemma.guard.policy import Decision, Policy
    from stemma.guard.policy.dry_run import DryRun
    from stemma.guard.ruling import Ruling

app = typer.Typer(no_args_is_help=True, help="What agents may do: policies in Cedar, tested and explained.")

Folder = Annotated[
    Path | None, typer.Argument(help="Folder with *.cedar files; ./policies if it is there, else the default policies.")
]


@app.command("show")
def show(folder: Folder = None, as_json: Json = False) -> None:
    """Print the policies that hold, the default ones with them.

    Example: `stemma policy show policies`
    """
    policy = _load(folder)
    if as_json:
        print_json({"version": policy.version, "policies": _ids(policy), "texts": dict(policy.texts)})
        return
    for name, text in policy.texts.items():
        if len(policy.texts) > 1:
            say(f"// --- {name}", style="dim")
        say(text.rstrip("\n"))
    note(f"version {policy.version}")


@app.command("check")
def check(
    folder: Folder = None,
    manifests: Annotated[
        list[Path] | None,
        typer.Option(
            "--network", help="Manifest of a network that they are for; repeatable. Else those beside the folder."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether policies are sound: every one parses, and names only agents and tools that its networks have.

    Example: `stemma policy check policies --network stemma.yaml`
    """
    from stemma.network.manifest.policies import Known, beside, misnamed

    place = _place(folder)
    policy = _load(place)
    networks = [read_manifest(one) for one in manifests or []]
    if place is not None and not networks:
        networks = list(beside(place.resolve().parent))
    for wrong in misnamed(policy, Known.of(networks)) if networks else ():
        raise wrong
    names = [one.name for one in networks]
    if as_json:
        told = {"ok": True, "version": policy.version, "policies": _ids(policy), "files": list(policy.texts)}
        print_json(told | {"networks": names})
        return
    for_whom = f" for {', '.join(map(repr, names))}" if names else ""
    what = f"{_count(len(policy.statements), 'policy')} in {', '.join(policy.texts)}"
    say(f"{what} are sound{for_whom}; version {policy.version}")
    if place is not None and not names:
        note(
            "no network lies beside them: whether they name its agents and tools was not looked at; say --network MANIFEST"
        )


@app.command("test")
def run_tests(folder: Folder = None, as_json: Json = False) -> None:
    """Run the cases in a folder's *.test.yaml files. Exit code 1 when one comes out otherwise, with where it stands.

    Example: `stemma policy test policies`
    """
    from stemma.guard.policy import DEFAULTS, cases_in

    place = _place(folder)
    policy = _load(place)
    cases = list(cases_in(place or DEFAULTS))
    if not cases:
        raise InvalidData(place or DEFAULTS, "has no *.test.yaml with cases; write one, so that a change shows itself")
    found = [found for found in (case.difference(policy) for case in cases) if found is not None]
    if as_json:
        told = [
            {
                "file": str(one.case.path),
                "line": one.case.line,
                "case": one.case.name,
                "expected": {"verdict": one.case.expect.value, "policy": one.case.policy},
                "ruling": _ruling_json(one.ruling),
            }
            for one in found
        ]
        print_json({"version": policy.version, "cases": len(cases), "failed": told})
    else:
        for one in found:
            tell(one_line(str(one)), indent="", style="red")
        passed = f"{len(cases) - len(found)} of {_count(len(cases), 'case')} came out as expected"
        say(passed, style="bold red" if found else "green")
    if found:
        raise typer.Exit(1)


@app.command("explain")
def explain(
    event: Annotated[int, typer.Argument(min=0, help="Number of an entry of the audit log: a call, a refusal, …")],
    as_json: Json = False,
) -> None:
    """Say why a call was allowed, asked about or denied: labels, reasons, policies, and their version.

    Example: `stemma policy explain 42`
    """
    from stemma.guard.policy import decision, facts_to_json

    with stemma.open(create=False) as here:
        made = decision(here.ledger, event)
    if as_json:
        print_json({"event": made.seq, "kind": made.kind, **facts_to_json(made.facts, made.ruling)})
    else:
        _print_decision(made)


@app.command("dry-run")
def dry_run_(
    folder: Annotated[Path, typer.Argument(help="Folder with the *.cedar files to try.")], as_json: Json = False
) -> None:
    """Ask a folder's policies about every call in the audit log, and say which would come out otherwise. Nothing is changed.

    The log has no arguments, only their labels: what policies that look at arguments would say is left open.

    Example: `stemma policy dry-run policies`
    """
    from stemma.guard.policy import decisions, dry_run

    policy = _load(folder)
    with stemma.open(create=False) as here:
        found = dry_run(policy, decisions(here.ledger))
    if as_json:
        print_json(_dry_run_json(policy, found))
        return
    if found.changes:
        rows = [
            (
                str(one.made.seq),
                one.made.ruling.verdict.value,
                one.now.verdict.value,
                _what(one.made),
                one.now.reasons[0],
            )
            for one in found.changes
        ]
        print_table(("event", "was", "would be", "what", "why"), [tuple(map(one_line, row)) for row in rows], fold=True)
    for left in found.open:
        say(f"event {left.made.seq}: {one_line(_what(left.made))}: depends on arguments: {', '.join(left.arguments)}")
    say(
        f"of {_count(found.decisions, 'decision')} in the log, {len(found.changes)} would change "
        f"and {len(found.open)} depend on arguments"
    )


def _place(folder: Path | None) -> Path | None:
    """The folder that is meant. Raises InvalidData when it is named and not there."""
    if folder is None:
        return Path("policies") if Path("policies").is_dir() else None
    if not folder.is_dir():
        raise InvalidData(folder, "no such folder; name one with *.cedar files")
    return folder


def _load(folder: Path | None) -> "Policy":
    from stemma.guard.policy import Policy

    return Policy.load(_place(folder))


def _ids(policy: "Policy") -> list[str]:
    return [one.id for one in policy.statements]


def _count(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number} {what.removesuffix('y') + 'ies' if what.endswith('y') else what + 's'}"


def _what(made: "Decision") -> str:
    """Who did what, in a few words."""
    from stemma.guard.ruling import CallFacts

    facts = made.facts
    if isinstance(facts, CallFacts):
        return f"{facts.agent}: {facts.tool} ({facts.effect})"
    return f"{facts.agent}: endorse {facts.field} ({facts.type})"


def _print_decision(made: "Decision") -> None:
    from stemma.guard.ruling import CallFacts

    facts, ruling = made.facts, made.ruling
    say(f"{ruling.verdict.value}: {one_line(_what(made))}", style="bold")
    for reason in ruling.reasons:
        tell(one_line(reason))
    rows = [("event", f"{made.seq} {made.kind}"), ("network", facts.network), ("asked by", facts.actor)]
    if isinstance(facts, CallFacts):
        rows.append(("decided by", _label(facts.decided.to_json())))
        for name, label in facts.labels.items():
            sensitive = " · decides what happens" if name in facts.sensitive else ""
            rows.append((f"argument {name}", _label(label.to_json()) + sensitive))
        words = [facts.clearance.confidentiality.name.lower(), *sorted(facts.clearance.categories)]
        rows.append(("tool cleared for", " · ".join(words)))
    else:
        bound = "no bound" if facts.bound is None else f"at most {_count(facts.bound, 'value')}"
        rows += [("read from", _label(facts.label.to_json())), ("bound", bound)]
    rows.append(("policies", ", ".join(ruling.policies) or "none"))
    print_table(("", ""), [(one_line(name), one_line(value)) for name, value in rows], fold=True)
    say(f"of version {ruling.version}")  # whole, so that it can be copied


def _label(label: dict[str, Any]) -> str:
    return " · ".join([label["integrity"], label["confidentiality"], *label["categories"]])


def _ruling_json(ruling: "Ruling") -> dict[str, Any]:
    return {
        "verdict": ruling.verdict.value,
        "reasons": list(ruling.reasons),
        "policies": list(ruling.policies),
        "version": ruling.version,
    }


def _dry_run_json(policy: "Policy", found: "DryRun") -> dict[str, Any]:
    return {
        "version": policy.version,
        "decisions": found.decisions,
        "changes": [
            {
                "event": one.made.seq,
                "what": _what(one.made),
                "was": one.made.ruling.verdict.value,
                "now": _ruling_json(one.now),
            }
            for one in found.changes
        ],
        "depends_on_arguments": [
            {"event": one.made.seq, "what": _what(one.made), "arguments": list(one.arguments)} for one in found.open
        ],
    }
