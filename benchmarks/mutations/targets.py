"""What is mutated, and which tests have to notice."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutations import cedar, python
from benchmarks.mutations.mutant import Mutant


@dataclass(frozen=True, slots=True)
class Target:
    """A file below the package, and the tests that run its code: files or folders, the nearest first."""

    path: str
    tests: tuple[str, ...]

    def mutants(self, package: Path) -> Iterator[Mutant]:
        source = (package / self.path).read_text(encoding="utf-8")
        return cedar.mutants(self.path, source) if self.path.endswith(".cedar") else python.mutants(self.path, source)


# In the order in which they are run: those that say what a policy means find most, and are done first.
_POLICY = tuple(f"tests/guard/policy/test_{name}.py" for name in ("policy", "recorded", "cases", "default"))

TARGETS = (
    Target("guard/policy/default.cedar", _POLICY),
    Target("guard/ruling.py", _POLICY),
    Target("guard/policy/policy.py", _POLICY),
    Target("guard/policy/entities.py", _POLICY),
    Target("guard/policy/arguments.py", _POLICY),
    Target("guard/policy/reasons.py", _POLICY),
    Target("guard/policy/statements.py", _POLICY),
    Target("guard/policy/validation.py", _POLICY),
    Target("guard/policy/recorded.py", _POLICY),
    Target("guard/handles.py", ("tests/guard/test_handles.py",)),
    Target("guard/fields.py", ("tests/guard/test_fields.py", "tests/guard/test_handles.py")),
    Target("guard/closed.py", ("tests/guard/test_closed.py",)),
    Target("guard/binding.py", ("tests/guard/test_binding.py",)),
    Target("guard/endorsement.py", ("tests/guard/test_endorsement.py",)),
    Target("core/trust.py", ("tests/core/test_trust.py",)),
    Target("core/labels.py", ("tests/core/test_labels.py",)),
    Target("core/frames.py", ("tests/core/test_frames.py",)),
    Target("core/shown.py", ("tests/core/test_shown.py",)),
    Target("network/message.py", ("tests/network/test_message.py",)),
    Target("network/quarantine.py", ("tests/network/test_sight.py",)),
    Target("network/answers.py", ("tests/network/test_answers.py",)),
    Target("network/reader.py", ("tests/network/test_reader.py",)),
    Target("network/endorser.py", ("tests/network/test_endorser.py",)),
    Target("network/speaker.py", ("tests/network/test_speaker.py",)),
    Target("network/handling.py", ("tests/network/test_handling.py",)),
    Target("network/wanted.py", ("tests/network/test_wanted.py",)),
    Target("network/mediation.py", ("tests/network/test_mediation.py",)),
    Target("network/toolcaller.py", ("tests/network/test_toolcaller.py",)),
    Target("network/interception.py", ("tests/network/test_interception.py",)),
    Target("network/history.py", ("tests/network/test_history.py",)),
    Target("network/tools/tool.py", ("tests/network/tools/test_tool.py",)),
    Target("network/turns.py", ("tests/network/test_turns.py",)),
    Target("network/disclosure.py", ("tests/network/test_leaving.py",)),
)
