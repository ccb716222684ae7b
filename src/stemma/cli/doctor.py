"""`stemma doctor`: whether this place works, and by which settings."""

import platform
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

import stemma
from stemma.cli.options import Json
from stemma.cli.output import print_json, say
from stemma.core.clock import timestamp
from stemma.core.errors import InvalidInput, NotFound, StemmaError, Unauthorized

if TYPE_CHECKING:  # the rooms take a quarter of a second to import; help does without
    from stemma.platform import Settings, Stemma


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `needed` ones must hold."""

    name: str
    ok: bool
    detail: str
    needed: bool = True


def doctor(as_json: Json = False) -> None:
    """Look at everything Stemma needs here, and say what to do about what is missing. Exit code 1 if something is.

    Example: `stemma doctor`
    """
    checks = [
        Check("python", True, platform.python_version()),
        *_store_checks(),
        *_extra_checks(),
    ]
    if as_json:
        print_json(
            {"ok": all(check.ok or not check.needed for check in checks), "checks": [asdict(check) for check in checks]}
        )
    else:
        for check in checks:
            mark, style = ("✓", None) if check.ok else (("✗", "red") if check.needed else ("–", "dim"))
            say(f"{mark} {check.name:<11} {check.detail}", style=style)
    if any(check.needed and not check.ok for check in checks):
        raise typer.Exit(1)


def _store_checks() -> list[Check]:
    try:
        settings = stemma.Settings.read()
        try:
            here = stemma.open(create=False)
        except NotFound as missing:
            return _checks_without_store(settings, str(missing))
        try:
            store = Check("store", True, f"{here.store.name} (STEMMA_STORE)")
            return [store, *_log_checks(here), *_caller_checks(here), *_model_checks(here)]
        finally:
            here.store.close()  # without a signature: a look changes nothing, and another's key would be refused
    except StemmaError as error:
        return [Check("store", False, str(error))]


def _checks_without_store(settings: "Settings", told: str) -> list[Check]:
    token = "set (STEMMA_TOKEN), but no store is here that knows it" if settings.token else "not set (STEMMA_TOKEN)"
    with stemma.Stemma(replace(settings, store="sqlite://", token=None)) as nowhere:
        return [
            Check("store", False, f"{told} (STEMMA_STORE)", needed=False),  # nothing is wrong where nobody has begun
            Check("keys", True, f"{settings.keys_folder} (STEMMA_KEYS); the key is made with the store"),
            Check("actor", True, f"{settings.actor} (STEMMA_ACTOR)"),
            Check("token", True, token),
            *_model_checks(nowhere),
        ]


def _log_checks(here: "Stemma") -> list[Check]:
    try:
        log = here.ledger.verify()
    except Unauthorized as error:  # it is for others to check, and nothing is wrong with it for that
        audit = Check("audit log", False, str(error), needed=False)
        return [audit, Check("keys", True, f"{here.settings.keys_folder} (STEMMA_KEYS)")]
    return [Check("audit log", log.verified, log.problem or f"{log.entries} entries verified"), _key_check(here)]


def _key_check(here: "Stemma") -> Check:
    """Whether the key here goes on with the log: without it all is done as ever, and nothing of it is signed."""
    folder, key, last = f"{here.settings.keys_folder} (STEMMA_KEYS)", here.public_key, here.ledger.last_checkpoint()
    way_out = "put the log's own ledger.key there, or set STEMMA_KEYS to its folder"
    if last is None:
        return Check("keys", True, f"{folder}: nothing is signed yet")
    if key is None:
        told = "no key, but the log was signed, and what comes now is not"
        return Check("keys", False, f"{folder}: {told}; {way_out}")
    try:
        key.signed_text(last.note)
    except InvalidInput as error:
        return Check("keys", False, f"{folder}: another key than the log's: {error}; {way_out}")
    return Check("keys", True, f"{folder}: this key signed the newest checkpoint")


def _caller_checks(here: "Stemma") -> list[Check]:
    found = here.access.whoami()
    token, named = found.token, "STEMMA_TOKEN" if found.token else "STEMMA_ACTOR"
    actor = Check("actor", True, f"{found.actor} ({named})")
    if token is not None:
        standing = token.standing(timestamp(here.clock.now()))
        told = f"{token.principal}'s, {standing}, until {token.expires_at[:10]} (STEMMA_TOKEN)"
        return [actor, Check("token", standing == "live", told)]
    if found.rules.governed:
        return [actor, Check("token", False, "not set, and this store is governed; set STEMMA_TOKEN to yours")]
    return [actor, Check("token", True, "not set (STEMMA_TOKEN); this store asks for none")]


def _model_checks(here: "Stemma") -> list[Check]:
    settings = here.settings
    found = [_model_check(here, "model", settings.model, "STEMMA_MODEL")]
    if settings.model != "embedded":
        found.append(_model_check(here, "model", "embedded", "always there"))
    if settings.writer is None:
        found.append(Check("writer", True, "none (STEMMA_WRITER); optimize writes without a model"))
    else:
        found.append(_model_check(here, "writer", settings.writer, "STEMMA_WRITER"))
    minilm = next((one for one in here.models.ls() if one.name == "embedded:minilm"), None)
    return found if minilm is None else [*found, Check("minilm", minilm.available, minilm.note, needed=False)]


def _model_check(here: "Stemma", name: str, model: str, named: str) -> Check:
    try:
        here.target(model)
    except StemmaError as error:
        return Check(name, False, f"{error} ({named})")
    return Check(name, True, f"{model} ({named})")


def _extra_checks() -> list[Check]:
    extras = {
        "parquet": ("pyarrow", "Parquet files"),
        "openai": ("openai", "OpenAI models"),
        "anthropic": ("anthropic", "Anthropic models"),
    }
    return [
        Check(extra, found, use if found else f"{use}: pip install 'stemma-ai[{extra}]'", needed=False)
        for extra, (module, use) in extras.items()
        for found in [find_spec(module) is not None]
    ]
