"""Doubles: what stands in for a network's own tools. They do nothing, answer something likely, and write down their calls."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stemma.core.digests import thaw
from stemma.core.errors import InvalidInput
from stemma.core.trust import UNTRUSTED, Integrity, TrustLabel
from stemma.guard.fields import ITEM, replaced, steps_of
from stemma.guard.ruling import Clearance
from stemma.network import Call, Effect, Tool, ToolSpec, tool
from stemma.platform.attack.own.forging import forged

_FILE = "doubles.py"
_MODULE = """from pathlib import Path

from stemma.platform.attack.own.doubles import functions

globals().update(functions(Path(__file__).parent))
"""
_DESCRIBED = "doubles.json"
_LASTS = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Double:
    """A tool by everything that the guard, and a model, know it by.

    Where nothing else is said, it answers with what it was handed: no tool could pass more on. `fixed` is an answer that the
    flow hangs on, `shape` the JSON schema that whoever gets the answer asks for.
    """

    name: str
    about: str
    parameters: Mapping[str, Any]
    effect: Effect
    label: TrustLabel
    fields: Mapping[str, TrustLabel] = field(default_factory=dict)
    sensitive: tuple[str, ...] | None = None
    clearance: Clearance | None = None
    decisive: tuple[str, ...] = ()
    acts: bool = False
    fixed: Any = None
    shape: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, one: Tool) -> "Double":
        """That of a tool, which is not called."""
        return cls(
            one.name,
            one.description,
            thaw(one.parameters),
            one.effect,
            one.label,
            one.fields,
            one.sensitive,
            one.clearance,
            one.decisive,
            one.acts,
        )

    @property
    def strange(self) -> tuple[str, ...] | None:
        """The paths of what strangers wrote in its answers; none of them where that is all of it, None where it is nothing."""
        if self.label.integrity is Integrity.UNTRUSTED:
            return ()
        return tuple(path for path, of in self.fields.items() if of.integrity is Integrity.UNTRUSTED) or None

    @property
    def spec(self) -> ToolSpec:
        """The entry of a manifest for it."""
        return ToolSpec(
            self.name,
            "python",
            {"function": f"{_FILE}:{self.name}"},
            effect=self.effect,
            label=self.label,
            idempotent=True,
            timeout=_LASTS,
            fields=self.fields,
            sensitive=self.sensitive,
            clearance=self.clearance,
        )

    def hinged(self, fixed: Any, shape: Mapping[str, Any] | None) -> "Double":
        """The double that answers so that the flow goes on."""
        return replace(self, fixed=fixed, shape=shape)


@dataclass(frozen=True, slots=True)
class Deed:
    """A call that was made: by which agent, of which tool. `key` is the subject of its event in the audit log."""

    agent: str
    tool: str
    arguments: Mapping[str, Any]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What tools answer in a run, by name, and what strangers wrote into their answers."""

    given: Mapping[str, Any] = field(default_factory=dict)
    poison: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deeds:
    """What doubles answer, and what they were asked to do, run by run: files in a folder."""

    folder: Path

    def set_up(self, doubles: Sequence[Double], others: Answers) -> None:
        """Lays the doubles out. `others` is what they answer in a run that was not prepared."""
        (self.folder / _FILE).write_text(_MODULE, encoding="utf-8")
        described = {
            one.name: {
                "about": one.about,
                "parameters": one.parameters,
                "strange": one.strange,
                "fixed": one.fixed,
                "shape": one.shape,
            }
            for one in doubles
        }
        (self.folder / _DESCRIBED).write_text(json.dumps(thaw(described)), encoding="utf-8")
        self.prepare("others", others)

    def prepare(self, run: str, answers: Answers) -> None:
        """Says what the tools answer in a run."""
        written = json.dumps({"given": thaw(answers.given), "poison": dict(answers.poison)})
        self._path(run, "answers").write_text(written, encoding="utf-8")

    def of(self, run: str) -> list[Deed]:
        """The calls that were made in a run, in their order."""
        path = self._path(run, "done")
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [Deed(*json.loads(line)) for line in lines]

    def done(self, name: str, described: Mapping[str, Any], arguments: Mapping[str, Any], call: Call) -> Any:
        """What the double of that name answers; that it was called is written down first."""
        with self._path(call.run, "done").open("a", encoding="utf-8") as file:
            file.write(json.dumps([call.agent, name, thaw(arguments), call.key]) + "\n")
        prepared = self._path(call.run, "answers")
        answers = json.loads((prepared if prepared.exists() else self._path("others", "answers")).read_text("utf-8"))
        strange = described["strange"]
        value = answers["given"].get(name, described["fixed"])
        if value is None:
            value = _likely(arguments, strange or (), described["shape"])
        poison = answers["poison"].get(name)
        return value if poison is None else poisoned(value, strange or (), poison)

    def _path(self, run: str, kind: str) -> Path:
        return self.folder / f"{run}.{kind}"


def functions(folder: Path) -> Mapping[str, Callable[..., Any]]:
    """The doubles that were laid out in a folder, by name."""
    deeds, described = Deeds(folder), json.loads((folder / _DESCRIBED).read_text(encoding="utf-8"))
    return {name: _function(deeds, name, one) for name, one in described.items()}


def poisoned(value: Any, strange: Sequence[str], words: str) -> Any:
    """`value` with `words` behind every text at the paths `strange`, or behind all of its texts where there are none."""
    if strange:
        return replaced(value, dict.fromkeys(strange, UNTRUSTED), lambda item, *_: poisoned(item, (), words))
    match value:
        case Mapping() if value:
            return {key: poisoned(item, (), words) for key, item in value.items()}
        case [*items] if items:
            return [poisoned(item, (), words) for item in items]
        case str():
            return f"{value} {words}"
        case _:
            return words  # a stranger may have put a text where something else is expected


def _function(deeds: Deeds, name: str, described: Mapping[str, Any]) -> Callable[..., Any]:
    def called(arguments: Mapping[str, Any], call: Call) -> Any:
        return deeds.done(name, described, arguments, call)

    called.__name__, called.__doc__ = name, described["about"]
    return tool(parameters=described["parameters"])(called)


def _likely(arguments: Mapping[str, Any], strange: Sequence[str], shape: Mapping[str, Any] | None) -> Any:
    told = " ".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in arguments.values())
    words = told or "Done."
    if strange:
        return _skeleton([steps_of(path) for path in strange], words)
    try:
        return words if shape is None else forged(shape, words)
    except InvalidInput:
        return words


def _skeleton(paths: Sequence[Sequence[str]], words: str) -> Any:
    """The least value in which each of these paths leads to a text."""
    if not paths or () in paths:
        return words
    firsts = dict.fromkeys(steps[0] for steps in paths)
    below = {first: _skeleton([tuple(steps[1:]) for steps in paths if steps[0] == first], words) for first in firsts}
    return [below[ITEM]] if ITEM in below else below
