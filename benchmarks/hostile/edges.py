"""The edges of the product: where what others wrote comes in. Each makes one case after the other from a source of chance."""

import asyncio
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from benchmarks.hostile.servers import answering
from benchmarks.hostile.values import changed, mangled, nested, text, value

import stemma
from stemma.core.trust import INTERNAL, TRUSTED, UNTRUSTED, TrustLabel
from stemma.evaluate.data import read_dataset
from stemma.ledger import export, verify_export
from stemma.network.agent import Limits
from stemma.network.bounds import Bounds
from stemma.network.flow import Flow
from stemma.network.manifest import load_manifest
from stemma.network.message import Message, Part, PartKind
from stemma.network.tools.invoking import as_json, check_arguments, invoke
from stemma.network.tools.tool import Call, Effect, Tool, ToolSpec
from stemma.network.tools.toolbox import Toolbox
from stemma.network.wire import from_json, to_json
from stemma.platform.backup import backup
from stemma.platform.restore import restore
from stemma.platform.settings import Settings
from stemma.registry.formats import FORMATS, PromptFile, read_prompt, write_prompt
from stemma.registry.prompt import Prompt
from stemma.registry.templates import render
from stemma.testing.scripted import ScriptedModel

Case: TypeAlias = Callable[[], Any]
Edge: TypeAlias = Callable[[Random], Case]

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARES = {"runs": 1, "restores": 1, "responses": 4, "files": 4}
"""Parts of a hundred that an edge gets where its cases are dear; the others share what is left."""

_TEMPLATES = (
    (
        "jinja2",
        "Dear {{ name }}, {% for x in xs if x %}{{ loop.index }}: {{ x|upper|truncate(20) }}{% else %}-{% endfor %}",
    ),
    ("mustache", "Dear {{name}}, {{#each xs}}{{@index}}: {{this}}{{else}}-{{/each}} {{#if name}}{{xs}}{{/if}}"),
    ("f-string", "Dear {name}, {xs} and {{braces}}"),
)
_MANIFEST = """\
network: desk
model: scripted
inputs: [ticket]
agents:
  reply: {prompt: reply.json, reads: [ticket], writes: reply}
pipeline: [reply]
"""
_CSV = b'id,text,label\n1,"a, b",x\n2,"say ""no""",y\n3,plain,x\n4,"two\nlines",y\n'
_JSONL = b'{"text": "one", "label": "x"}\n{"text": "two \\u00e9", "label": "y"}\n{"text": "three", "label": 3}\n'


@contextmanager
def opened(folder: Path) -> Iterator[Mapping[str, Edge]]:
    """Every edge by name, with its files in `folder`."""
    with ExitStack() as life:
        runner = life.enter_context(asyncio.Runner())
        yield {
            "messages": _messages(),
            "records": _records(),
            "manifests": _manifests(folder / "manifests"),
            "prompts": _prompts(folder),
            "templates": _templates,
            "files": _data(folder),
            "results": _results,
            "arguments": _arguments(),
            "paths": life.enter_context(_paths(folder / "desk", runner)),
            "responses": life.enter_context(_responses(runner)),
            "exports": _exports(folder / "log"),
            "restores": _restores(folder / "log"),
            "runs": life.enter_context(_runs(folder / "runs")),
        }


def _messages() -> Edge:
    parts = (
        Part(PartKind.INSTRUCTION, "role", {"role": "clerk", "brief": "Answer."}, TRUSTED),
        Part(PartKind.DATA, "ticket", "I lost my card", UNTRUSTED),
        Part(PartKind.DATA, "case", {"id": 7, "lines": [1, 2]}, INTERNAL),
    )
    whole = Message.compose("r.1", "r", sender="caller", recipient="clerk", parts=parts).to_json()

    def case(random: Random) -> Case:
        body = _written(changed(random, whole))
        return lambda: json.dumps(Message.from_json(json.loads(body)).to_json())

    return case


def _records() -> Edge:
    whole: tuple[tuple[Any, Any], ...] = (
        (Limits, to_json(Limits())),
        (Bounds, to_json(Bounds())),
        (ToolSpec, to_json(ToolSpec("web", "http", {"allow": ["https://example.com/"]}, label=UNTRUSTED))),
        (Flow, to_json(load_manifest(EXAMPLES / "support-desk" / "stemma.yaml").flow, Flow)),
        (TrustLabel, UNTRUSTED.to_json()),
        (Prompt, Prompt("Answer {{ ticket }}.").to_json()),
    )

    def case(random: Random) -> Case:
        kind, record = random.choice(whole)
        body = _written(changed(random, record))
        if kind in (TrustLabel, Prompt):
            return lambda: json.dumps(kind.from_json(json.loads(body)).to_json())
        return lambda: json.dumps(to_json(from_json(kind, json.loads(body)), kind))

    return case


def _manifests(folder: Path) -> Edge:
    shutil.copytree(EXAMPLES, folder)
    wholes = sorted(folder.rglob("stemma.yaml"))
    bytes_of = {whole: whole.read_bytes() for whole in wholes}
    bombs = (
        b"a: &a0 [x, x]\n" + b"".join(b"b%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
        bytes_of[wholes[0]]
        + b"\nx: &a0 {a: 1}\n"
        + b"".join(b"y%d: &a%d {a: *a%d, b: *a%d}\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
        b"network: &a [*a]\n",
        b"[" * 50_000,
        b"{a: " * 50_000,
        b"- " * 50_000,
        b"".join(b" " * n + b"a:\n" for n in range(2_000)),
        b"network: x\n" * 100_000,
        b"network: " + b"x" * 10_000_000,
        b"? " * 30_000,
        b"network: !!python/object/apply:os.system [id]\n",
        b"a: 1\n--- \nb: 2\n",
        b"%TAG ! tag:x,2000:\n---\n!a b",
        b"&a " * 10_000,
        b"network: |\n" + b"  x\n" * 300_000,
        b"network: '" + b"\n" * 300_000 + b"'",
        b"#" * 5_000_000,
    )

    def case(random: Random) -> Case:
        path = random.choice(wholes)
        data = random.choice(bombs) if random.random() < 0.03 else mangled(random, bytes_of[path])
        where = path.with_name("mangled.yaml")
        where.write_bytes(data)
        return lambda: load_manifest(where)

    return case


def _prompts(folder: Path) -> Edge:
    prompt = Prompt(
        "Answer {{ ticket }} in {{ language }}.",
        user="{{ ticket }}",
        output_schema={"type": "object", "properties": {"kind": {"type": "string", "enum": ["a", "b"]}}},
        settings={"temperature": 0.1},
    )
    wholes = {name: write_prompt(PromptFile(prompt, name), name).text.encode() for name in FORMATS}

    def case(random: Random) -> Case:
        name = random.choice(list(wholes))
        whole = wholes[name]
        data = whole if random.random() < 0.02 else mangled(random, whole)
        if name == "json" and random.random() < 0.5:
            data = _written(changed(random, json.loads(whole))).encode()
        where = folder / f"mangled{FORMATS[name].suffixes[0]}"
        where.write_bytes(data)
        return lambda: read_prompt(where)

    return case


def _templates(random: Random) -> Case:
    template_format, whole = random.choice(_TEMPLATES)
    source = mangled(random, whole.encode()).decode("utf-8", "replace") if random.random() < 0.8 else text(random)
    values = {"name": value(random, wild=True), "xs": value(random, wild=True), "x": value(random)}
    return lambda: render(source, template_format, values)  # type: ignore[arg-type]  # one of the literals


def _data(folder: Path) -> Edge:
    wholes = {
        ".csv": _CSV,
        ".tsv": _CSV.replace(b",", b"\t"),
        ".jsonl": _JSONL,
        ".parquet": b"PAR1" + b"\0" * 200 + b"PAR1",
    }

    def case(random: Random) -> Case:
        suffix, whole = random.choice(list(wholes.items()))
        data = mangled(random, whole)
        if random.random() < 0.02:
            data = whole + random.choice((b'"', b"[", b"{", b"a", b",", b"\n", b"\0", b'{"text":')) * 10_000_000
        where = folder / f"mangled{suffix}"
        where.write_bytes(data)
        return lambda: read_dataset(where, inputs=["text"], expected="label")

    return case


def _results(random: Random) -> Case:
    result = value(random, wild=True)
    return lambda: as_json(result, max_chars=20_000, source="tool 'fuzzed'")


def _arguments() -> Edge:
    async def nothing(arguments: Mapping[str, Any], call: Call) -> Any:
        return None

    schema = {
        "type": "object",
        "properties": {
            "to": {"type": "string", "format": "email", "maxLength": 100},
            "lines": {
                "type": "array",
                "items": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}},
            },
        },
        "required": ["to"],
        "additionalProperties": False,
    }
    tool = Tool("send", "", schema, nothing, Effect.EGRESS, INTERNAL)

    def case(random: Random) -> Case:
        arguments = changed(random, {"to": "a@example.com", "lines": [{"n": 1}, {"n": 2}]})
        return lambda: check_arguments(tool, arguments)

    return case


@contextmanager
def _paths(folder: Path, runner: asyncio.Runner) -> Iterator[Edge]:
    (folder / "work").mkdir(parents=True)
    (folder / "secret.txt").write_text("secret")
    (folder / "work" / "link").symlink_to(folder / "secret.txt")
    call = Call("k", "run_1", "clerk", folder)
    toolbox = Toolbox([ToolSpec("out", "files", {"folder": "work"})], folder)
    runner.run(toolbox.__aenter__())
    tools = runner.run(toolbox.tools(["out"]))

    def case(random: Random) -> Case:
        names = ("..", ".", "link", "", "secret.txt", "~", text(random, 20), *("notes", "a.txt", "é.txt") * 3)
        start = random.choice(("", "", "", "", "/", "../", "link/"))
        path = start + "/".join(random.choices(names, k=random.randint(1, 4)))
        name = random.choice(("out_read", "out_list", "out_write"))
        arguments: dict[str, Any] = {"path": path} | (
            {"text": random.choice(("", "plain", text(random)))} if name == "out_write" else {}
        )

        def asked() -> None:
            try:
                answer = runner.run(invoke(tools[name], arguments, call, max_chars=20_000))
            finally:
                if (folder / "secret.txt").read_text() != "secret":
                    raise AssertionError(f"{path!r} was written through")
            if name == "out_read" and answer == "secret":
                raise AssertionError(f"{path!r} leads out")

        return asked

    try:
        yield case
    finally:
        runner.run(toolbox.__aexit__(None, None, None))


@contextmanager
def _responses(runner: asyncio.Runner) -> Iterator[Edge]:
    call = Call("k", "run_1", "clerk", Path())
    with answering() as (url, answer_with):
        toolbox = Toolbox([ToolSpec("web", "http", {"allow": [url], "max_bytes": 100_000}, timeout=1.5)], Path())
        runner.run(toolbox.__aenter__())
        tools = runner.run(toolbox.tools(["web"]))

        def case(random: Random) -> Case:
            answer_with(_response(random))
            return lambda: runner.run(invoke(tools["web_get"], {"url": url}, call, max_chars=20_000))

        try:
            yield case
        finally:
            runner.run(toolbox.__aexit__(None, None, None))


def _response(random: Random) -> bytes:
    """What a server says: in most cases an answer with one or two lines put wrong."""
    if random.random() < 0.1:
        return _bytes(random, 1_000_000)
    body = _bytes(random, 200_000) if random.random() < 0.5 else b"It is sunny."
    lines = {"": "HTTP/1.1 200 OK", "Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
    for _ in range(random.randint(0, 2)):
        name = random.choice(list(_ANSWERS))
        lines[name] = random.choice(_ANSWERS[name]) or text(random, 50)
    head = "\r\n".join(f"{name}: {said}".removeprefix(": ") for name, said in lines.items())
    return head.encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body


_ANSWERS: Mapping[str, tuple[str, ...]] = {  # for an empty one anything at all
    "": (
        "HTTP/1.1 404 No",
        "HTTP/1.1 302 Found",
        "HTTP/1.1 302 Found",
        "HTTP/1.1 999 ?",
        "HTTP/9 200",
        "HTTP/1.1 100 Go on",
        "",
    ),
    "Content-Type": (
        "",
        "text/plain",
        *(f"text/plain; charset={name}" for name in ("utf-7", "utf-16", "punycode", "idna", "zlib")),
    ),
    "Content-Length": ("0", "-1", "1" * 30, "5, 5", ""),
    "Transfer-Encoding": ("chunked", "gzip", ""),
    "Content-Encoding": ("gzip", "identity", "br, gzip", ""),
    "Location": (
        "http://169.254.169.254/",
        "//[",
        "file:///etc/passwd",
        "/\r\nX: y",
        "/" * 5_000,
        "?" + "x" * 50,
        "",
        "",
    ),
    "Set-Cookie": ("a=b", ""),
    "X-Long": ("y" * 70_000, ""),
}


def _bytes(random: Random, most: int) -> bytes:
    return text(random, 2000).encode("utf-8", "surrogatepass")[:most]


def _exports(folder: Path) -> Edge:
    settings = _log(folder)
    path = folder / "log.jsonl"
    with stemma.open(**settings) as here:
        export(here.store, path, public_key=here.public_key)
    whole = path.read_bytes()
    lines = [json.loads(line) for line in whole.splitlines()]

    def case(random: Random) -> Case:
        data = mangled(random, whole)
        if random.random() < 0.3:
            body = changed(random, lines)
            data = b"\n".join(_written(line).encode() for line in (body if isinstance(body, list) else [body]))
        where = folder / random.choice(("mangled.jsonl", "mangled.jsonl.zst"))
        where.write_bytes(data)
        return lambda: verify_export(where).to_json()

    return case


def _restores(folder: Path) -> Edge:
    settings = Settings(**{**_log(folder), "actor": "user:fuzz"})
    path = folder / "taken.backup"
    backup(settings, path)
    whole = path.read_bytes()

    def case(random: Random) -> Case:
        where = folder / "mangled.backup"
        where.write_bytes(mangled(random, whole))
        if random.random() < 0.4:
            with zipfile.ZipFile(path) as taken, zipfile.ZipFile(where, "w") as file:
                for name in taken.namelist():
                    body = taken.read(name)
                    file.writestr(name, mangled(random, body) if random.random() < 0.2 else body)
        empty = Settings(store=f"sqlite:///{folder}/empty.db", keys=settings.keys, actor="user:fuzz")
        for left in folder.glob("empty.db*"):
            left.unlink()
        return lambda: restore(empty, where)

    return case


def _log(folder: Path) -> dict[str, Any]:
    """Settings of a store with a log of some twenty entries."""
    settings: dict[str, Any] = {"store": f"sqlite:///{folder}/log.db", "keys": folder / "keys"}
    if not folder.exists():
        folder.mkdir()
        with stemma.open(**settings) as here:
            for number in range(5):
                saved = here.prompts.save("greeting", Prompt(f"Say {number}."))
                here.prompts.label("greeting", saved.version, "production")
    return settings


@contextmanager
def _runs(folder: Path) -> Iterator[Edge]:
    folder.mkdir()
    (folder / "stemma.yaml").write_text(_MANIFEST)
    (folder / "reply.json").write_bytes(Prompt("Answer.", user="{{ ticket }}").canonical)
    manifest = load_manifest(folder / "stemma.yaml")
    model = ScriptedModel(lambda system, user: user[:100])
    with stemma.open(store=f"sqlite:///{folder}/stemma.db", keys=folder / "keys", models={"scripted": model}) as here:
        here.networks.run(manifest, [{"ticket": "the first of a process also loads the engine"}])

        def case(random: Random) -> Case:
            ticket = random.choice((text(random), text(random) * 1000, value(random), "x" * 10_000_000))
            item: Any = {"ticket": ticket} if random.random() < 0.9 else value(random)
            if not isinstance(item, dict):
                item = {text(random): item}
            return lambda: here.networks.run(manifest, [item])

        yield case


def _written(whole: Any) -> str:
    """As JSON, with whatever JSON cannot say left out."""
    try:
        return json.dumps(whole)
    except (ValueError, RecursionError):
        return json.dumps(nested(Random(0), 900))
