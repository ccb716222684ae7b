"""Prompts as files: read from, and written to, the formats that people keep prompts in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stemma.core.digests import canonical_json, thaw
from stemma.core.errors import InvalidData, InvalidInput
from stemma.registry.formats import canonical, dotprompt, github, prompty
from stemma.registry.formats.file import FormatName, PromptFile, Written
from stemma.registry.formats.yaml_text import LONGEST_FILE

__all__ = ["FORMATS", "Format", "FormatName", "PromptFile", "Written", "format_of", "read_prompt", "write_prompt"]


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: the endings of its file names, its reader of (text, path for messages), and its writer."""

    suffixes: tuple[str, ...]
    read: Callable[[str, str], PromptFile]
    write: Callable[[PromptFile], Written]


FORMATS: dict[FormatName, Format] = {
    "github": Format((".prompt.yml", ".prompt.yaml"), github.read, github.write),
    "prompty": Format((".prompty",), prompty.read, prompty.write),
    "dotprompt": Format((".prompt",), dotprompt.read, dotprompt.write),
    "json": Format((".json",), canonical.read, canonical.write),
}


def read_prompt(source: Path | str, file_format: FormatName | None = None) -> PromptFile:
    """The prompt in a file (a `Path`), or in the text of one (a `str`, whose format must be named).

    Raises InvalidData for a file that is missing, a folder, no UTF-8, or not what its format asks for; TemplateError and
    UnsafeTemplate for its templates; each names the file and, where it is known, the line.
    """
    if isinstance(source, Path):
        return _checked(FORMATS[file_format or format_of(source)].read(_text_of(source), str(source)), str(source))
    if file_format is None:
        raise InvalidInput(f"a prompt given as text needs its format named: {', '.join(FORMATS)}")
    return _checked(FORMATS[file_format].read(_newlines(source), f"<{file_format}>"), f"<{file_format}>")


def write_prompt(file: PromptFile, file_format: FormatName) -> Written:
    """The text of a file with this prompt. What it does not carry is said in `losses`, one sentence each; the caller decides.

    The text is read back to find out. Without losses that gives the same prompt (the same digest), name, description and
    metadata.
    """
    written = FORMATS[file_format].write(file)
    try:
        back = read_prompt(written.text, file_format)
    except InvalidInput as error:
        return Written(written.text, (*written.losses, f"what is written cannot be read back: {error}"))
    found = _differences(file, back, FORMATS[file_format].suffixes[0])
    return Written(
        written.text,
        (*written.losses, *(loss for part, loss in found if not any(f"'{part}'" in known for known in written.losses))),
    )


def format_of(path: Path, *, beside: Sequence[str] = ()) -> FormatName:
    """The format that a file's name says it has. Raises InvalidData for other names, with the endings there are, those that
    the caller takes `beside` them too.
    """
    for name, known in FORMATS.items():
        if path.name.endswith(known.suffixes):
            return name
    endings = ", ".join([*(suffix for known in FORMATS.values() for suffix in known.suffixes), *beside])
    raise InvalidData(path, f"the name says no prompt format; let it end in one of {endings}")


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidData(path, "there is no such file") from error
    except IsADirectoryError as error:
        raise InvalidData(path, "this is a folder; name a file in it") from error
    except OSError as error:
        raise InvalidData(path, f"cannot be read: {error.strerror}") from error
    if len(data) > 4 * LONGEST_FILE:
        raise InvalidData(path, f"the file has {len(data):,} bytes; at most {LONGEST_FILE:,} characters are read")
    try:
        return _newlines(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidData(path, "not UTF-8 text; save it as UTF-8", line=line) from error


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _checked(file: PromptFile, path: str) -> PromptFile:
    """The file itself, when everything in it is JSON, so that it has a digest and can be stored."""
    try:
        canonical_json([file.prompt.to_json(), file.name, file.description, thaw(file.metadata)])
    except InvalidInput as error:
        raise InvalidData(path, str(error)) from error
    return file


def _differences(file: PromptFile, back: PromptFile, suffix: str) -> list[tuple[str, str]]:
    """The parts that do not read back as they were, each with a sentence about it."""
    had, has = file.prompt.to_json(), back.prompt.to_json()
    found = []
    for part in (part for part in {**had, **has} if had.get(part) != has.get(part)):
        if part == "template_format":
            sentence = f"the template format {had[part]!r} is read back as {has[part]!r}"
        elif part not in has:
            sentence = f"'{part}' is left out: {suffix} files have no place for it"
        elif isinstance(had.get(part), str) and str(had[part]).strip("\n") == has[part]:
            sentence = f"the empty lines around '{part}' are not kept"
        else:
            sentence = f"'{part}' is not read back as it is: {suffix} files cannot say all of it"
        found.append((part, sentence))
    for part, before, after in (("name", file.name, back.name), ("description", file.description, back.description)):
        if before != after:
            found.append((part, f"the {part} {before!r} is not read back as it is"))
    kept = thaw(back.metadata)
    for key, value in thaw(file.metadata).items():
        if key not in kept or kept[key] != value:
            found.append(
                (key, f"the field '{key}' of the {file.format} file is left out: {suffix} files have no place for it")
            )
    return found
