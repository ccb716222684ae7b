"""Prompt files: what each format carries, what it cannot, and what is wrong with a broken one."""

from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidData, InvalidInput, TemplateError, UnsafeTemplate
from stemma.registry.formats import FormatName, PromptFile, format_of, read_prompt, write_prompt
from stemma.registry.prompt import Demonstration, Prompt
from stemma.registry.templates import TemplateFormat

FORMATS: tuple[FormatName, ...] = get_args(FormatName)

GITHUB = """\
name: Summarizer
description: Summarizes text
model: openai/gpt-4o-mini
modelParameters:
  temperature: 0.5
  maxTokens: 100
messages:
  - role: system
    content: You summarize.
  - role: user
    content: A long text
  - role: assistant
    content: Summary - text
  - role: user
    content: |
      Summarize:
      {{input}}
responseFormat: json_schema
jsonSchema: '{"name": "answer", "strict": true, "schema": {"type": "object"}}'
testData:
  - input: |
      The fox
      jumped.
    expected: no
evaluators:
  - name: starts well
    string:
      startsWith: 'Summary -'
"""

OLD_PROMPTY = """\
---
name: Basic
description: Answers
authors: [ann, bob]
tags: [qa]
model:
  api: chat
  configuration:
    type: azure_openai
    azure_deployment: gpt-35
    api_key: ${env:KEY}
  parameters:
    max_tokens: 128
    stop: [END]
sample:
  question: Why?
inputs:
  firstName: Jane
  question:
    type: string
    description: what is asked
---
system:
You help {{firstName}}.
{% for item in context %}- {{ item }}
{% endfor %}
# user:
{{question}}
"""

NEW_PROMPTY = """\
---
name: support
displayName: Support
description: Helps customers
metadata:
  authors: [team]
  version: "2.10"
model:
  id: gpt-4o
  provider: foundry
  connection:
    kind: key
    endpoint: ${env:ENDPOINT}
  options:
    temperature: 0.3
    maxOutputTokens: 2000
inputs:
  properties:
    - name: question
      kind: string
      description: what is asked
      required: true
    - name: history
      kind: array
      items:
        kind: string
      default: []
outputs:
  - name: mood
    kind: string
    enumValues: [good, bad]
tools:
  - name: find
    kind: function
template:
  format: mustache
  parser: prompty
---
system:
Be kind.
{{#history}}
- {{.}}
{{/history}}

user:
Hello
assistant:
Hello to you

![thread]

user:
{{question}}
"""

DOTPROMPT = """\
---
name: extract
variant: terse
model: googleai/gemini-1.5-pro
config:
  temperature: 0.7
  topK: 20
  stopSequences: [STOP]
tools: [timeOfDay]
input:
  default:
    lang: en
  schema:
    text: string
    lang?: string, the language
    tags(array, what it is about): string
    kind?(enum, what it is): [A, B]
    owner:
      id: integer
      (*): any, whatever else
output:
  format: json
  schema:
    name?: string, the full name
    when(object, the time):
      day: string
myapp.level: 3
---
{{role "system"}}
Extract names{{#if lang}} in {{lang}}{{/if}}.
{{role "user"}}
Ann was here.
{{role "model"}}
Ann
{{history}}
{{role "user"}}
{{text}}
"""

SAMPLES: list[tuple[str, FormatName]] = [
    (GITHUB, "github"),
    (OLD_PROMPTY, "prompty"),
    (NEW_PROMPTY, "prompty"),
    (DOTPROMPT, "dotprompt"),
]


def test_a_github_file_becomes_a_prompt() -> None:
    """Messages, model, parameters and schema are the prompt; test data and evaluators stay beside it."""
    file = read_prompt(GITHUB, "github")
    assert file.prompt == Prompt(
        "You summarize.",
        (Demonstration("A long text", "Summary - text"),),
        user="Summarize:\n{{input}}\n",
        output_schema={"type": "object"},
        settings={"model": "openai/gpt-4o-mini", "temperature": 0.5, "max_tokens": 100},
    )
    assert (file.name, file.description, file.format) == ("Summarizer", "Summarizes text", "github")
    assert file.metadata["testData"] == [{"input": "The fox\njumped.\n", "expected": "no"}]
    assert file.metadata["evaluators"][0]["string"] == {"startsWith": "Summary -"}


def test_an_older_prompty_becomes_a_prompt() -> None:
    """Samples declare the inputs, the deployment names the model, and no reference to the outside is followed."""
    file = read_prompt(OLD_PROMPTY, "prompty")
    assert file.prompt.instructions == "You help {{firstName}}.\n{% for item in context %}- {{ item }}\n{% endfor %}"
    assert file.prompt.user == "{{question}}"
    assert file.prompt.settings == {"model": "gpt-35", "max_tokens": 128, "stop_sequences": ["END"]}
    assert file.prompt.input_schema == {
        "type": "object",
        "properties": {
            "firstName": {"type": "string", "default": "Jane"},
            "question": {"type": "string", "description": "what is asked"},
        },
        "required": ["firstName", "question"],
    }
    assert file.metadata["model"]["configuration"]["api_key"] == "${env:KEY}"
    assert file.metadata["authors"] == ["ann", "bob"]


def test_a_newer_prompty_becomes_a_prompt() -> None:
    """Properties declare inputs and outputs, the template engine may be Mustache, examples are demonstrations."""
    file = read_prompt(NEW_PROMPTY, "prompty")
    assert file.prompt.template_format == "mustache"
    assert file.prompt.render({"history": ["a"], "question": "Q"}).user == "Q"
    assert file.prompt.demonstrations == (Demonstration("Hello", "Hello to you"),)
    assert file.prompt.settings == {"model": "gpt-4o", "temperature": 0.3, "max_tokens": 2000}
    assert file.prompt.output_schema == {
        "type": "object",
        "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}},
    }
    assert file.metadata["metadata"] == {"authors": ["team"], "version": "2.10"}


def test_a_dotprompt_becomes_a_prompt() -> None:
    """Roles make messages, Picoschema makes JSON Schema, and Handlebars beyond plain variables stays mustache."""
    file = read_prompt(DOTPROMPT, "dotprompt")
    assert file.prompt.template_format == "mustache"
    assert file.prompt.render({"lang": "English", "text": "Bo"}).system.startswith(
        "Extract names in English.\n\nExamples:"
    )
    assert file.prompt.settings == {
        "model": "googleai/gemini-1.5-pro",
        "temperature": 0.7,
        "top_k": 20,
        "stop_sequences": ["STOP"],
    }
    assert file.prompt.input_schema == {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "lang": {"type": ["string", "null"], "description": "the language"},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "what it is about"},
            "kind": {"enum": ["A", "B", None], "description": "what it is"},
            "owner": {
                "type": "object",
                "properties": {"id": {"type": "integer"}},
                "required": ["id"],
                "additionalProperties": {"description": "whatever else"},
            },
        },
        "required": ["text", "tags", "owner"],
        "additionalProperties": False,
    }
    assert file.metadata["input"] == {"default": {"lang": "en"}}
    assert file.metadata["myapp.level"] == 3


@pytest.mark.parametrize(("text", "file_format"), SAMPLES)
def test_a_file_read_and_written_again_says_the_same(text: str, file_format: FormatName) -> None:
    """Nothing of a format's own features is lost on the way through a prompt, and writing twice changes nothing."""
    file = read_prompt(text, file_format)
    written = write_prompt(file, file_format)
    assert written.losses == ()
    assert read_prompt(written.text, file_format) == file
    assert write_prompt(read_prompt(written.text, file_format), file_format) == written


@pytest.mark.parametrize(("text", "file_format"), SAMPLES)
def test_canonical_json_carries_every_format(text: str, file_format: FormatName) -> None:
    """A file may pass through our own JSON and come out in its own format as it was."""
    file = read_prompt(text, file_format)
    written = write_prompt(file, "json")
    assert written.losses == ()
    back = write_prompt(read_prompt(written.text, "json"), file_format)
    assert back.losses == ()
    assert read_prompt(back.text, file_format) == file


def test_a_prompt_alone_is_written_as_the_bytes_of_its_digest() -> None:
    """The SHA-256 of such a JSON file is the prompt's digest."""
    prompt = Prompt("Be brief.", settings={"temperature": 0.5})
    assert write_prompt(PromptFile(prompt), "json").text.encode() == prompt.canonical


texts = st.text(
    alphabet=st.one_of(st.sampled_from("ab {}%#\n\t:-'\"|>&*!\\é😀~0"), st.characters(exclude_categories=["Cs"])),
    max_size=30,
)
words = st.sampled_from(
    ["Say {{x}}.", "a: b\n- c", "user:\nx", "---", " x ", "{{ y }} and {{x}}", "é\u2028", "{% if x %}a{% endif %}"]
)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
pico_types = st.sampled_from(["string", "integer", "boolean", "number"])
schemas = st.one_of(
    st.none(),
    st.dictionaries(texts, json_values, max_size=3),
    st.builds(
        lambda parts, closed: {
            "type": "object",
            "properties": {name: {"type": kind} for name, kind in parts.items()},
            **({"required": sorted(parts)} if parts else {}),
            **({"additionalProperties": False} if closed else {}),
        },
        st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), pico_types, max_size=3),
        st.booleans(),
    ),
)
prompts = st.builds(
    Prompt,
    st.one_of(texts, words),
    st.lists(st.builds(Demonstration, st.one_of(texts, words), texts), max_size=2).map(tuple),
    user=st.one_of(st.none(), texts, words),
    template_format=st.sampled_from(get_args(TemplateFormat)),
    input_schema=schemas,
    output_schema=schemas,
    settings=st.dictionaries(
        st.sampled_from(["model", "temperature", "max_tokens", "top_p", "maxTokens"]), json_values, max_size=3
    ),
)
files = st.builds(
    PromptFile,
    prompts,
    name=st.one_of(st.none(), texts),
    description=st.one_of(st.none(), texts),
    metadata=st.dictionaries(
        st.sampled_from(
            ["testData", "tags", "input", "inputs", "model", "systemMessages", "jsonSchema", "template", "history", "x"]
        ),
        json_values,
        max_size=2,
    ),
    format=st.sampled_from(FORMATS),
)


@pytest.mark.parametrize("file_format", FORMATS)
@given(file=files)
def test_what_is_written_without_losses_reads_back_equal(file_format: FormatName, file: PromptFile) -> None:
    """For any prompt: no losses means the same digest, name, description and metadata; and writing never fails."""
    written = write_prompt(file, file_format)
    if written.losses:
        return
    back = read_prompt(written.text, file_format)
    assert back.prompt.digest == file.prompt.digest
    assert (back.name, back.description) == (file.name, file.description)
    assert {**back.metadata, **file.metadata} == back.metadata


plain = st.from_regex(r"[A-Za-z][a-z :.,'-]{0,20}[a-z](\n[a-z {}]{1,10}[a-z]){0,2}", fullmatch=True).filter(
    lambda text: "{{" not in text
)


@pytest.mark.parametrize("file_format", FORMATS)
@given(data=st.data())
def test_ordinary_prompts_are_carried_by_every_format(file_format: FormatName, data: st.DataObject) -> None:
    """Instructions with plain variables, examples, a user template and parameters need no place that a format lacks."""
    prompt = Prompt(
        data.draw(plain) + " {{topic}}",
        data.draw(st.lists(st.builds(Demonstration, plain, plain), max_size=2).map(tuple)),
        user=data.draw(st.one_of(st.none(), plain.map(lambda text: text + "\n{{question}}"))),
        settings={"model": "openai:gpt-4o", "temperature": data.draw(st.floats(0, 2)), "max_tokens": 100},
    )
    written = write_prompt(PromptFile(prompt, "triage", "What it does."), file_format)
    assert written.losses == ()
    assert read_prompt(written.text, file_format).prompt.digest == prompt.digest


@pytest.mark.parametrize(
    ("file", "file_format", "sentence"),
    [
        (PromptFile(Prompt("a", input_schema={"type": "object"})), "github", "'input_schema' is left out: .prompt.yml"),
        (PromptFile(Prompt("{{ x }}")), "github", "spelled anew"),
        (PromptFile(Prompt("{% if x %}a{% endif %}")), "github", "uses more of jinja2 than plain variables"),
        (PromptFile(Prompt("{{#x}}a{{/x}}", template_format="mustache")), "github", "uses more of mustache"),
        (PromptFile(Prompt("{x}", template_format="f-string")), "prompty", "read back as 'jinja2'"),
        (PromptFile(Prompt("{{x}}", template_format="none")), "dotprompt", "uses more of none"),
        (PromptFile(Prompt("{{x}}", template_format="mustache")), "dotprompt", "'mustache' is read back as 'jinja2'"),
        (PromptFile(Prompt("a\n")), "prompty", "empty lines around 'instructions'"),
        (PromptFile(Prompt("a\nuser:\nb")), "prompty", "'instructions' is not read back"),
        (PromptFile(Prompt("a", (Demonstration("{{x}}", "b"),))), "dotprompt", "cannot be read back"),
        (
            PromptFile(Prompt("a"), metadata={"testData": []}, format="github"),
            "prompty",
            "field 'testData' of the github file",
        ),
        (PromptFile(Prompt("a", output_schema={"enum": [1]})), "prompty", "'output_schema' is left out"),
    ],
)
def test_what_a_format_cannot_carry_is_said(file: PromptFile, file_format: FormatName, sentence: str) -> None:
    """Every loss is one sentence that names the part."""
    assert sentence in " | ".join(write_prompt(file, file_format).losses)


@pytest.mark.parametrize(("written", "spelled"), [("f-string", "{x} {{x}}"), ("none", "{ x }")])
def test_plain_variables_are_spelled_for_the_format(written: TemplateFormat, spelled: str) -> None:
    """A template in a spelling that the file's readers do not know still means the same to them, where it can."""
    back = read_prompt(write_prompt(PromptFile(Prompt(spelled, template_format=written)), "github").text, "github")
    assert back.prompt.render({"x": 1}).system == Prompt(spelled, template_format=written).render({"x": 1}).system


def test_what_is_more_than_a_plain_variable_stays_mustache() -> None:
    """Three braces are one variable in Mustache and an error in Jinja2."""
    prompt = read_prompt("messages: [{role: system, content: '{{{x}}}'}]", "github").prompt
    assert prompt.template_format == "mustache"
    assert prompt.render({"x": 1}).system == "1"


def test_texts_of_several_lines_are_literal_blocks() -> None:
    """People read and review prompts in these files, so line breaks are line breaks."""
    written = write_prompt(PromptFile(Prompt("One.\n\n  - Two: {{x}}\nThree.")), "github").text
    assert "content: |-\n      One.\n\n        - Two: {{x}}\n      Three.\n" in written


def test_several_system_messages_stay_apart() -> None:
    """They are joined in the prompt, and written as they were while nobody changed them."""
    text = "messages:\n- {role: system, content: a}\n- {role: system, content: b}\n"
    file = read_prompt(text, "github")
    assert file.prompt.instructions == "a\n\nb"
    assert write_prompt(file, "github").text.count("role: system") == 2
    changed = PromptFile(file.prompt.with_(instructions="c"), metadata=file.metadata, format="github")
    assert "content: c" in write_prompt(changed, "github").text


def test_json_schema_stands_for_picoschema() -> None:
    """Dotprompt takes either; what Picoschema cannot say is written as JSON Schema."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}}}
    written = write_prompt(PromptFile(Prompt("x", input_schema=schema)), "dotprompt")
    assert written.losses == ()
    assert read_prompt(written.text, "dotprompt").prompt.input_schema == schema


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("a.prompt.yml", "github"),
        ("a.prompt.yaml", "github"),
        ("a.prompty", "prompty"),
        ("a.prompt", "dotprompt"),
        ("a.prompt.json", "json"),
        ("a.json", "json"),
    ],
)
def test_the_name_says_the_format(name: str, file_format: FormatName) -> None:
    """The longest ending that is known decides."""
    assert format_of(Path("folder") / name) == file_format


def test_another_name_is_refused_with_the_endings() -> None:
    """A file whose name says nothing needs its format named."""
    with pytest.raises(InvalidData, match=r"\.prompty"):
        format_of(Path("a.txt"))
    with pytest.raises(InvalidInput, match="format named"):
        read_prompt("text")


YAML_ERRORS = [
    ("name: [", "not YAML", 1),
    ("name: a\nname: b", "'name' occurs twice", 2),
    ("model: a\nmodelParameters:\n  1: x", "is not a text", 3),
    ("model: a\n\tname: b", "not YAML", 2),
    ("- a", "mapping of fields", 1),
    ("messages:\n- role: robot\n  content: a", "role 'robot'", 2),
    ("messages:\n- role: user", "text 'role' and a text 'content'", 2),
    ("messages: text", "is a list", 1),
    ("name: 1.10", "'name' is a text", 1),
    ("name: !!python/object/apply:os.system [a]", "plain data", 1),
    ("testData: .nan", "JSON", 1),
    ("testData: 2024-01-01\nmodel: 5", "'model' is a text", 2),
    ("a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
     "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]", "aliases", 1),
    ("a: &a [*a]", "aliases", 1),
    ("a: " + "[" * 5_000, "nests too deeply", None),
    ("a: " + "[" * 150 + "]" * 150, "nests more than 100", 1),
    ("a: \0", "not YAML", None),
    ("a: 99999999999999999999", "canonical JSON", None),
    ("modelParameters: {maxTokens: 1, max_tokens: 2}", "says again", 1),
    ("responseFormat: json_schema", "need each other", 1),
    ("responseFormat: json_schema\njsonSchema: '{'", "not JSON", 2),
    ("messages:\n- {role: assistant, content: a}", "no partner", 2),
    ("messages:\n- {role: user, content: a}\n- {role: user, content: b}\n- {role: assistant, content: c}", "no partner", 3),
    ("messages:\n- {role: user, content: a}\n- {role: user, content: b}", "two user messages", 2),
    ("messages:\n- {role: user, content: a}\n- {role: system, content: b}", "move it to the top", 3),
    ("messages:\n- {role: user, content: '{{x}}'}\n- {role: assistant, content: b}", "is data", 2),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem", "line"), YAML_ERRORS)
def test_a_broken_github_file_says_what_and_where(text: str, problem: str, line: int | None) -> None:
    """Every fault is one line with the file's line number."""
    with pytest.raises(InvalidData, match=problem) as caught:
        read_prompt(text, "github")
    assert caught.value.line == line
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "file_format", "problem", "line"),
    [
        ("---\nname: a\n", "prompty", "never closed", 1),
        ("# licence\n---\nname: [\n---\n", "dotprompt", "not YAML", 4),
        ("---\nname: a\n---\nsystem:\na\nfunction:\nb", "prompty", "'function:' is not available", 6),
        ("system[nonce=1]:\na", "prompty", "is not available", 1),
        ("---\ntemplate: handlebars\n---\n", "prompty", "'handlebars' is not available", 2),
        ("---\ninputs: 5\n---\n", "prompty", "a list of properties", 2),
        ("---\ninputs: [{name: a, kind: blob}]\n---\n", "prompty", "'blob' is not known", 2),
        ("---\nmodel: {options: {}, parameters: {}}\n---\n", "prompty", "join them", 2),
        ("![thread]\nassistant:\na", "prompty", "before the last user", 1),
        ("---\ninput: {schema: {a: blob}}\n---\n", "dotprompt", "'blob' is not a type", 2),
        ("---\ninput: {schema: {a(blob): string}}\n---\n", "dotprompt", "array, object and enum", 2),
        ("---\ninput: {schema: Named}\n---\n", "dotprompt", "registered elsewhere", 2),
        ('a\n{{role "tool"}}\nb', "dotprompt", 'role "tool".* the roles are system, user, model', 2),
        ("a\n{{history}}\nb", "dotprompt", "before the last user", 2),
        ("a\n\\{{x}}", "dotprompt", "literal", 2),
        ("{", "json", "not JSON", 1),
        ("[]", "json", "JSON object", 1),
        ('{"instructions": 5}', "json", "needs 'instructions'", None),
        ('{"instructions": "a", "instructions": "b"}', "json", "occurs twice", None),
        ('{"prompt": {"instructions": "a"}, "x": 1}', "json", "'x' is no field", None),
        ('{"prompt": {"instructions": "a"}, "name": 1}', "json", "are texts", None),
        ('{"instructions": "\\ud800"}', "json", "canonical JSON", None),
        ("[" * 100_000, "json", "deeply", None),
        (
            '{"metadata": ' + "[" * 150 + "]" * 150 + ', "prompt": {"instructions": "a"}}',
            "json",
            "nests more than 100",
            None,
        ),
    ],
)
def test_other_broken_files_say_what_and_where(
    text: str, file_format: FormatName, problem: str, line: int | None
) -> None:
    """Every fault is one line with the file's line number where it is known."""
    with pytest.raises(InvalidData, match=problem) as caught:
        read_prompt(text, file_format)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "file_format", "error", "place"),
    [
        (
            "messages:\n- role: system\n  content: '{{x|y}}'",
            "github",
            TemplateError,
            "<github>:3: in the system message, line 1",
        ),
        (
            "system:\nok\nuser:\n{{ x.__class__ }}",
            "prompty",
            UnsafeTemplate,
            "<prompty>:4: in the user message, line 1",
        ),
        ("system:\n\n\n{{ x.__class__ }}", "prompty", UnsafeTemplate, "<prompty>:4: in the system message, line 1"),
        ("system:\n{{ x.__class__ }}\nuser:\nb", "prompty", UnsafeTemplate, "<prompty>:2: in the system message"),
        (
            '{{role "system"}}\n{{media url=x}}',
            "dotprompt",
            TemplateError,
            "<dotprompt>:2: in the system message, line 1",
        ),
        ("{{>partial}}", "dotprompt", UnsafeTemplate, "<dotprompt>:1: in the user message"),
        ('{"instructions": "{{ x.__class__ }}"}', "json", UnsafeTemplate, "<json>: in 'instructions', line 1"),
    ],
)
def test_a_bad_template_is_found_when_the_file_is_read(
    text: str, file_format: FormatName, error: type[Exception], place: str
) -> None:
    """The message names the file, the line of the message and the line in its template."""
    with pytest.raises(error, match=place):
        read_prompt(text, file_format)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no UTF-8 are errors about that file."""
    with pytest.raises(InvalidData, match="no such file"):
        read_prompt(tmp_path / "a.prompty")
    (tmp_path / "b.prompty").mkdir()
    with pytest.raises(InvalidData, match="is a folder"):
        read_prompt(tmp_path / "b.prompty")
    (tmp_path / "c.prompty").write_bytes(b"system:\na\n\xff\xfe")
    with pytest.raises(InvalidData, match="not UTF-8") as caught:
        read_prompt(tmp_path / "c.prompty")
    assert caught.value.line == 3


def test_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    """Byte order marks and Windows line ends are no part of a prompt."""
    (tmp_path / "a.prompty").write_bytes(b"\xef\xbb\xbf---\r\nname: a\r\n---\r\nsystem:\r\nHi\r\nthere\r\n")
    file = read_prompt(tmp_path / "a.prompty")
    assert (file.name, file.prompt.instructions, file.format) == ("a", "Hi\nthere", "prompty")


def test_a_body_without_front_matter_is_a_prompt() -> None:
    """Without roles it is the system's in a .prompty, the user's in a .prompt, as their documentation says."""
    assert read_prompt("Be brief.", "prompty").prompt == Prompt("Be brief.")
    assert read_prompt("Say {{x}}.", "dotprompt").prompt == Prompt("", user="Say {{x}}.")


def test_yaml_is_read_by_the_core_schema_of_1_2() -> None:
    """`no`, times and dates are texts, and what YAML 1.1 would misread is quoted when written."""
    text = "testData: [no, 1:30, 2024-05-01, 010, 0x10, 0o7, 1e3, ~, True, =, <<]"
    file = read_prompt(text, "github")
    values: list[Any] = ["no", "1:30", "2024-05-01", 10, 16, 7, 1000.0, None, True, "=", "<<"]
    assert file.metadata["testData"] == values
    written = write_prompt(file, "github").text
    assert "- 'no'\n" in written
    assert "- '2024-05-01'\n" in written


@given(st.text(alphabet=st.sampled_from("ab:-{}[]#%&*!|>'\"\n \t,?/.0~\\"), max_size=60), st.sampled_from(FORMATS))
def test_any_text_is_a_prompt_or_a_clear_error(text: str, file_format: FormatName) -> None:
    """No file makes a reader fail in another way."""
    try:
        read_prompt(text, file_format)
    except InvalidInput:
        return


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("github", "a:\n" + "- x\n" * 200_000, r"more than 30,000 parts"),
        ("github", "a: " + "x " * 1_900_000, r"at most 1,000,000 are read"),
        ("github", "messages:\n" + "- {role: user, content: x}\n" * 5_001, r"more than 30,000 parts|at most 5,000"),
        ("prompty", "---\nname: x\n---\n" + "user:\nhello\n" * 100_000, r"has 100,000 messages; at most 5,000"),
        ("json", "{" + ",".join(f'"k{number}":0' for number in range(300_000)) + ',"k7":1}', r"'k7' occurs twice"),
        ("github", "? !" + "x" * 300_000 + "\n: 1", r"the tag .* is not read"),
    ],
    ids=["list", "words", "messages", "marks", "keys", "tag"],
)
def test_large_files_are_refused_early(name: FormatName, text: str, told: str) -> None:
    """A file that would take minutes to take apart is refused in a short line."""
    with pytest.raises(InvalidData, match=told) as refusal:
        read_prompt(text, name)
    assert len(str(refusal.value)) < 1000
