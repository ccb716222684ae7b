"""`stemma access` and `stemma tokens`: who may do what, and what they show for it."""

from typing import TYPE_CHECKING, Annotated

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import note, print_json, print_table, say, tell

if TYPE_CHECKING:  # the database takes a fifth of a second to import, and help does without
    from stemma.guard.access import Issued, Token

app = typer.Typer(no_args_is_help=True, help="Who may do what in this store.")
tokens = typer.Typer(no_args_is_help=True, help="What callers of a governed store show.")

Principal = Annotated[str, typer.Argument(help="user:NAME, service:NAME or agent:NETWORK/AGENT.")]
RoleName = Annotated[str, typer.Argument(help="A role; `stemma access roles` lists them.")]
Days = Annotated[float, typer.Option("--days", help="How long the token lives; 365 at most.")]


@app.command()
def enable(days: Days = 90, as_json: Json = False) -> None:
    """Govern this store: from now on nobody does anything without a token. Prints yours, once.

    You are given every role; take away what you do not need with `stemma access revoke`. The token is all that goes to
    standard output, so a shell can keep it: export STEMMA_TOKEN=$(stemma access enable)

    Example: `stemma access enable --days 30`
    """
    with stemma.open() as here:
        issued = here.access.enable(days=days)
    _print_issued(issued, as_json)


@app.command()
def recover(days: Days = 90, as_json: Json = False) -> None:
    """Make yourself an admin again where every admin's token is lost. Takes the key of the audit log, in STEMMA_KEYS.

    Example: `stemma access recover`
    """
    with stemma.open(create=False) as here:
        issued = here.access.recover(days=days)
    _print_issued(issued, as_json)


@app.command()
def disable(as_json: Json = False) -> None:
    """Give the store back to whoever can open it. Grants and tokens stay for when it is governed again.

    Example: `stemma access disable`
    """
    with stemma.open(create=False) as here:
        here.access.disable()
    _done("this store is not governed any more", {"governed": False}, as_json)


@app.command()
def whoami(as_json: Json = False) -> None:
    """Say in whose name this shell acts here, and what that may do.

    Example: `stemma access whoami`
    """
    with stemma.open(create=False) as here:
        found, now = here.access.whoami(), _now(here)
    if as_json:
        token = None if found.token is None else found.token.to_json(now)
        protected = {"governed": found.rules.governed, "protected": sorted(found.rules.protected)}
        print_json(
            {"actor": found.actor, "token": token, "grants": [one.to_json() for one in found.grants]} | protected
        )
        return
    say(found.actor, style="bold")
    if not found.rules.governed:
        tell("this store is not governed: whoever can open it may do everything")
    if found.token is not None:
        until = f"{found.token.standing(now)}, until {found.token.expires_at[:16].replace('T', ' ')}"
        tell(f"token {found.token.id}: {until}, for {_limits(found.token)}")
    elif found.rules.governed:
        tell("no token was given; set STEMMA_TOKEN")
    for grant in found.grants:
        tell(f"{grant.role} on {grant.resources}")


@app.command("ls")
def ls(as_json: Json = False) -> None:
    """List principals and what is granted to them.

    Example: `stemma access ls`
    """
    with stemma.open(create=False) as here:
        found = here.access.principals()
    if as_json:
        print_json([one.to_json() for one in found])
    elif not found:
        note("nobody is known here; govern this store with: stemma access enable")
    else:
        rows = [(one.id, ", ".join(f"{grant.role} on {grant.resources}" for grant in one.grants)) for one in found]
        print_table(("principal", "roles"), rows, fold=True)


@app.command()
def add(
    principal: Principal,
    description: Annotated[str, typer.Option("--description", "-d", help="Who or what that is.")] = "",
    as_json: Json = False,
) -> None:
    """Add somebody who can be granted something. An agent that is added may do only what is granted to it.

    Example: `stemma access add service:nightly -d "the nightly optimizer"`
    """
    with stemma.open() as here:
        here.access.add(principal, description=description)
    _done(f"added {principal}", {"principal": principal}, as_json)


@app.command()
def grant(
    principal: Principal,
    role: RoleName,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="Only these resources, such as 'prompts:/support/*'; again for more."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Give a principal a role, for everything or for the resources of a pattern.

    Example: `stemma access grant user:bea reviewer --on 'prompts:/support/*'`
    """
    patterns = on or ["*"]
    with stemma.open() as here:
        for pattern in patterns:
            here.access.grant(principal, role, on=pattern)
    told = f"{principal} is {role} on {', '.join(patterns)}"
    _done(told, {"principal": principal, "role": role, "on": patterns}, as_json)


@app.command()
def revoke(
    principal: Principal,
    role: RoleName,
    on: Annotated[str | None, typer.Option("--on", help="Only the grant on this pattern.")] = None,
    as_json: Json = False,
) -> None:
    """Take a role away, at once and in every process.

    Example: `stemma access revoke user:bea reviewer`
    """
    with stemma.open(create=False) as here:
        number = here.access.revoke(principal, role, on=on)
    told = {"principal": principal, "role": role, "revoked": number}
    _done(f"{principal} is no longer {role}{f' on {on}' if on else ''}", told, as_json)


@app.command()
def roles(
    define: Annotated[str | None, typer.Option("--define", help="Define a role of this name, or change it.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="What it allows: 'ACTION PATTERN'; again for more.")
    ] = None,
    description: Annotated[str, typer.Option("--description", "-d", help="What the role is for.")] = "",
    as_json: Json = False,
) -> None:
    """List roles and what they allow, or define one.

    Actions are read, write, use, approve, grant. Patterns are *, KIND:/PATH and KIND:/FOLDER/*.

    Example: `stemma access roles --define scribe --allow 'write memories:/desk' --allow 'read *'`
    """
    from stemma.guard.access import Permission, Role

    if (define is None) != (not allow):
        raise typer.BadParameter("a role takes --define NAME and at least one --allow 'ACTION PATTERN'")
    with stemma.open(create=define is not None) as here:
        if define is not None:
            here.access.define(Role(define, description, tuple(map(Permission.parse, allow or []))))
        found = [one for one in here.access.roles() if define in (None, one.name)]
    if as_json:
        print_json([one.to_json() for one in found])
        return
    for role in found:
        say(role.name, style="bold")
        tell(role.description) if role.description else None
        for permission in role.permissions:
            tell(str(permission), indent="    ", style="dim")


@app.command()
def protect(
    labels: Annotated[
        list[str] | None,
        typer.Argument(help="All labels to protect from now on; shows those that are, if none is given."),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Protect none: whoever may write a prompt moves all.")] = False,
    as_json: Json = False,
) -> None:
    """Say which labels nobody moves onto his own words; in an ungoverned store, too. In a new store that is `production`.

    Example: `stemma access protect production staging`
    """
    if labels and none:
        raise typer.BadParameter("either name the labels to protect, or give --none")
    changes = none or bool(labels)
    with stemma.open(create=changes) as here:
        named = sorted(here.access.protect(labels or []) if changes else here.access.whoami().rules.protected)
    _done(f"protected: {', '.join(named) or 'none'}", {"protected": named}, as_json)


@tokens.command()
def issue(
    principal: Principal,
    action: Annotated[list[str] | None, typer.Option("--action", help="Only this action; again for more.")] = None,
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="Only these resources, such as 'prompts:/support/*'; again for more."),
    ] = None,
    days: Days = 90,
    as_json: Json = False,
) -> None:
    """Issue a token for a principal, and print it, once. It never allows more than the principal may.

    Example: `stemma tokens issue service:nightly --action read --on 'prompts:/support/*' --days 30`
    """
    from stemma.guard.access import TokenScope

    scope = TokenScope.of(action or [], on or [])
    with stemma.open() as here:
        issued = here.access.issue(principal, scope=scope, days=days)
    _print_issued(issued, as_json)


@tokens.command("ls")
def tokens_ls(
    principal: Annotated[str | None, typer.Argument(help="Only those of this principal.")] = None,
    as_json: Json = False,
) -> None:
    """List tokens: whose they are, for what, and until when.

    Example: `stemma tokens ls user:bea`
    """
    with stemma.open(create=False) as here:
        found, now = here.access.tokens(principal), _now(here)
    if as_json:
        print_json([one.to_json(now) for one in found])
    elif not found:
        note("there are no tokens; issue one with: stemma tokens issue PRINCIPAL")
    else:
        rows = [(one.id, one.principal, _until(one, now), _limits(one)) for one in found]
        print_table(("token", "principal", "until", "for"), rows, fold=True)


@tokens.command("revoke")
def tokens_revoke(
    token: Annotated[str, typer.Argument(help="A token's id; `stemma tokens ls` lists them.")], as_json: Json = False
) -> None:
    """End a token: its next call is refused, in every process.

    Example: `stemma tokens revoke 01jc9n0s8w6v3k5m7q9r1t2x4y`
    """
    with stemma.open(create=False) as here:
        ended, now = here.access.revoke_token(token), _now(here)
    _done(f"revoked {token}", ended.to_json(now), as_json)


def _until(token: "Token", now: str) -> str:
    standing = token.standing(now)
    return token.expires_at[:10] if standing == "live" else standing


def _limits(token: "Token") -> str:
    actions, resources = ", ".join(token.scope.actions), ", ".join(token.scope.resources)
    whole = actions == resources == "*"
    return "all its principal may" if whole else f"{'everything' if actions == '*' else actions} on {resources}"


def _now(here: "stemma.Stemma") -> str:
    from stemma.core.clock import timestamp

    return timestamp(here.clock.now())


def _print_issued(issued: "Issued", as_json: bool) -> None:
    token = issued.token
    if as_json:
        print_json(token.to_json(token.issued_at) | {"secret": issued.secret})
        return
    say(issued.secret)
    note(f"This is the only time it is shown: token {token.id} of {token.principal}, until {token.expires_at[:10]}.")
    note("Use it with: export STEMMA_TOKEN=…")


def _done(told: str, as_data: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_json(as_data)
    else:
        say(told)
