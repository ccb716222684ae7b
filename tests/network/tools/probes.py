"""Programs that try to leave the code sandbox, or to take more than their share: what each tries, and what it meets."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Probe:
    """A program. `held` is a regular expression of what it is told; where it may run to its end, of its result as JSON."""

    name: str
    kind: Literal["files", "system", "internals", "forging", "time", "memory", "depth", "output"]
    tries: str
    source: str
    held: str


_TOO_LONG = r"TimeoutError: (feed time|sleep) limit exceeded|killed after exceeding request timeout"
# On a busy machine the limit of time may be met before that of memory, or of depth.
_TOO_MUCH = rf"MemoryError: (memory limit exceeded|the worker exceeded its memory limit)|{_TOO_LONG}"
_TOO_DEEP = rf"{_TOO_LONG}|RecursionError|Source is too deeply nested|too deeply|depth exceeded|recursion limit"
_NO_SUCH = r"AttributeError|NameError|NotImplementedError"
_NO_FILES = r"PermissionError: Permission denied"
_NO_MODULE = r"No module named"
_TOO_LARGE = rf"returned (more than )?[\d,]+ characters|printed [\d,]+ characters|{_TOO_LONG}"

_HUNDREDFOLD = "x = [0] * 10\nfor _ in range(30): x = [x] * 10\n"
_DEEP = "x = []\nfor _ in range(100_000): x = [x]\n"

PROBES = (
    # Files, of which there are none.
    Probe("passwd", "files", "read a file of the system", "open('/etc/passwd').read()", _NO_FILES),
    Probe("secret", "files", "read a file of the network's folder", "open('secret.txt').read()", _NO_FILES),
    Probe("climb", "files", "climb out of the working folder", "open('../../../../etc/passwd').read()", _NO_FILES),
    Probe("write", "files", "write a file", "open('x.txt', 'w')", _NO_FILES),
    Probe("append", "files", "append to a file of the user", "open('/root/.bashrc', 'a')", _NO_FILES),
    Probe("bytes", "files", "read the memory of the machine", "open('/dev/mem', 'rb')", _NO_FILES),
    Probe("endless file", "files", "read a device without end", "open('/dev/zero', 'rb').read()", _NO_FILES),
    Probe("self", "files", "read its own process", "open('/proc/self/environ').read()", _NO_FILES),
    Probe("root of self", "files", "leave by /proc", "open('/proc/self/root/etc/passwd').read()", _NO_FILES),
    Probe("descriptor", "files", "open a descriptor by number", "open(3).read()", "TypeError|PermissionError|OSError"),
    Probe(
        "pathlib",
        "files",
        "read through pathlib",
        "from pathlib import Path\nPath('/etc/passwd').read_text()",
        _NO_FILES,
    ),
    Probe(
        "exists",
        "files",
        "ask whether a file is there",
        "from pathlib import Path\nPath('/etc/passwd').exists()",
        _NO_FILES,
    ),
    Probe("listing", "files", "list a folder", "from pathlib import Path\nlist(Path('/').iterdir())", _NO_FILES),
    Probe("listdir", "files", "list a folder through os", "import os\nos.listdir('/')", _NO_FILES),
    Probe("resolve", "files", "follow links", "from pathlib import Path\nPath('../x').resolve()", _NO_FILES),
    Probe(
        "symlink",
        "files",
        "make a link",
        "from pathlib import Path\nPath('l').symlink_to('/etc')",
        f"{_NO_FILES}|{_NO_SUCH}",
    ),
    Probe("remove", "files", "remove a folder", "import os\nos.rmdir('/tmp')", f"{_NO_FILES}|{_NO_SUCH}"),
    Probe("nul path", "files", "cut a path short", "open('/etc/passwd\\0.txt')", "ValueError|PermissionError"),
    # The system.
    Probe("environment", "system", "read the environment", "import os\nos.environ", "not supported"),
    Probe("variable", "system", "read one variable", "import os\nos.getenv('PROBED_SECRET')", "not supported"),
    Probe("shell", "system", "run a command", "import os\nos.system('id')", f"{_NO_SUCH}|not supported"),
    Probe("fork", "system", "fork", "import os\nos.fork()", f"{_NO_SUCH}|not supported"),
    Probe("kill", "system", "kill its parent", "import os\nos.kill(os.getppid(), 9)", f"{_NO_SUCH}|not supported"),
    Probe("working folder", "system", "learn where it runs", "import os\nos.getcwd()", r'"value": "/"'),
    Probe("subprocess", "system", "start a process", "import subprocess", _NO_MODULE),
    Probe("socket", "system", "open a connection", "import socket", _NO_MODULE),
    Probe("http", "system", "ask a server", "import urllib.request", _NO_MODULE),
    Probe("ctypes", "system", "call native code", "import ctypes", _NO_MODULE),
    Probe("threads", "system", "start threads", "import threading", _NO_MODULE),
    Probe("signals", "system", "handle signals", "import signal", _NO_MODULE),
    Probe("importlib", "system", "import by another way", "import importlib", _NO_MODULE),
    Probe("pickle", "system", "unpickle an object", "import pickle", _NO_MODULE),
    Probe("exit", "system", "end the process", "raise SystemExit", "SystemExit"),
    Probe("exit by number", "system", "end the process with a status", "raise SystemExit(0)", "the program failed"),
    Probe("interrupt", "system", "interrupt the worker", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    # What stands behind the objects of Python.
    Probe("import", "internals", "call __import__", "__import__('os')", _NO_SUCH),
    Probe("builtins", "internals", "reach __builtins__", "__builtins__", _NO_SUCH),
    Probe("subclasses", "internals", "walk to all classes", "().__class__.__base__.__subclasses__()", _NO_SUCH),
    Probe("mro", "internals", "walk the order of classes", "type(1).__mro__", _NO_SUCH),
    Probe("getattr", "internals", "spell an attribute as a text", "getattr((), '__cl' + 'ass__')", _NO_SUCH),
    Probe("format walk", "internals", "walk through a format", "'{0.__class__.__mro__}'.format(1)", _NO_SUCH),
    Probe("f-string walk", "internals", "walk through an f-string", "f'{().__class__.__base__}'", _NO_SUCH),
    Probe("globals", "internals", "read the globals", "globals()", _NO_SUCH),
    Probe("function globals", "internals", "read a function's globals", "def f(): pass\nf.__globals__", _NO_SUCH),
    Probe("code object", "internals", "take the code of a function", "def f(): pass\nf.__code__", _NO_SUCH),
    Probe(
        "traceback frame",
        "internals",
        "walk the frames of an error",
        "try:\n  1 / 0\nexcept Exception as e:\n  e.__traceback__.tb_frame",
        _NO_SUCH,
    ),
    Probe("frame", "internals", "take the frame of the caller", "import sys\nsys._getframe()", _NO_SUCH),
    Probe("modules", "internals", "take loaded modules", "import sys\nsys.modules['os']", _NO_SUCH),
    Probe("generator frame", "internals", "take a generator's frame", "def g(): yield\ng().gi_frame", _NO_SUCH),
    Probe("coroutine frame", "internals", "take a coroutine's frame", "async def g(): pass\ng().cr_frame", _NO_SUCH),
    Probe("compile", "internals", "make a code object", "compile('1', '', 'eval')", _NO_SUCH),
    Probe("eval", "internals", "find more in eval", "eval(\"__import__('os')\")", _NO_SUCH),
    Probe("exec", "internals", "find more in exec", "exec(\"open('/etc/passwd').read()\")", _NO_FILES),
    Probe("class by hand", "internals", "make a class by hand", "type('A', (object,), {})", "TypeError"),
    Probe("raw memory", "internals", "look at memory by address", "memoryview(b'x').obj", _NO_SUCH),
    # What the host would do for it.
    Probe("host function", "forging", "call a function of the host", "lab_run(code='1')", _NO_SUCH),
    Probe("awaited", "forging", "await a call that nobody made", "await fetch('https://example.com')", _NO_SUCH),
    Probe(
        "lookups",
        "forging",
        "keep the host busy with names",
        "for i in range(5000):\n  try: missing\n  except NameError: pass",
        "suspension limit",
    ),
    Probe("snapshot", "forging", "save its own state for another run", "import monty\nmonty.dump()", _NO_MODULE),
    Probe("answer", "forging", "answer in the host's place", "print('{\"value\": 1}')\nNone", r'"value": null'),
    Probe("standard error", "forging", "write to the worker's own log", "import sys\nsys.stderr.write('x')", _NO_SUCH),
    # Time.
    Probe("loop", "time", "never end", "while True: pass", _TOO_LONG),
    Probe(
        "handler",
        "time",
        "catch the limit",
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        _TOO_LONG,
    ),
    Probe(
        "finally", "time", "go on behind the limit", "try:\n  while True: pass\nfinally:\n  while True: pass", _TOO_LONG
    ),
    Probe("builtin", "time", "stay inside one call", "sum(range(10**12))", _TOO_LONG),
    Probe("search", "time", "search an endless range", "10**13 in iter(range(10**14))", _TOO_LONG),
    Probe("power", "time", "a power that takes hours", "pow(3, 10**100000, 10**100000 + 1)", _TOO_LONG),
    Probe(
        "root", "time", "native arithmetic that looks at no clock", "import math\nmath.isqrt(10**4000000)", _TOO_LONG
    ),
    Probe("binomial", "time", "a count of choices", "import math\nmath.comb(10**7, 10**6)", _TOO_LONG),
    Probe(
        "regex",
        "time",
        "backtrack without end",
        "import re\nre.match(r'(a|a)*\\1b', 'a' * 40)",
        "re.PatternError|TimeoutError",
    ),
    Probe(
        "nested regex", "time", "(a+)+", "import re\nre.match('(a+)+$', 'a' * 40 + 'b')", r'"value": null|TimeoutError'
    ),
    Probe("sleep", "time", "sleep", "import time\ntime.sleep(3600)", _TOO_LONG),
    Probe(
        "endless sleep",
        "time",
        "sleep without end",
        "import time\ntime.sleep(float('inf'))",
        "OverflowError|TimeoutError",
    ),
    Probe(
        "sleeps at once",
        "time",
        "sleep in many tasks",
        "import asyncio\nawait asyncio.gather(*[asyncio.sleep(0.15) for _ in range(9)])",
        _TOO_LONG,
    ),
    Probe(
        "yielding",
        "time",
        "give way for ever",
        "import asyncio\nasync def f():\n  while True: await asyncio.sleep(0)\nawait f()",
        _TOO_LONG,
    ),
    Probe("clock", "time", "ask for the time for ever", "import time\nwhile True: time.time()", _TOO_LONG),
    Probe(
        "doubling comparison",
        "time",
        "compare what is its own square",
        "x = [0]\ny = [0]\nfor _ in range(40): x, y = [x, x], [y, y]\nx == y",
        _TOO_LONG,
    ),
    # Memory.
    Probe("list", "memory", "a list of ten billion", "x = [0] * 10**10", _TOO_MUCH),
    Probe("text", "memory", "a text that doubles", "x = 'a'\nwhile True: x += x", _TOO_MUCH),
    Probe("tower", "memory", "a tower of powers", "2 ** 10 ** 10", _TOO_MUCH),
    Probe("power of ten", "memory", "10**10**8", "10 ** 10 ** 8", _TOO_MUCH),
    Probe("shift", "memory", "a shift", "1 << 10 ** 10", _TOO_MUCH),
    Probe("bytes of nothing", "memory", "a hundred gigabytes of zeros", "b'x' * 10**11", _TOO_MUCH),
    Probe("padding", "memory", "pad a text", "'x'.ljust(10**11)", _TOO_MUCH),
    Probe("width", "memory", "a format's width", "f'{1:>99999999999}'", _TOO_MUCH),
    Probe("old width", "memory", "an old format's width", "'%99999999999d' % 1", _TOO_MUCH),
    Probe("replacement", "memory", "grow a text by replacing", "('a' * 10**6).replace('a', 'b' * 10**6)", _TOO_MUCH),
    Probe(
        "regex growth",
        "memory",
        "grow a text by a pattern",
        "import re\nre.sub('', 'x' * 10**6, 'y' * 10**6)",
        _TOO_MUCH,
    ),
    Probe("range", "memory", "write a range out", "list(range(10**12))", _TOO_MUCH),
    Probe("unpacking", "memory", "unpack a range into a call", "def f(*a): pass\nf(*range(10**10))", _TOO_MUCH),
    Probe("random bytes", "memory", "draw ten gigabytes", "import random\nrandom.randbytes(10**10)", _TOO_MUCH),
    Probe("growing list", "memory", "grow what is looped over", "x = [1]\nfor i in x: x.append(i)", _TOO_MUCH),
    Probe(
        "caught",
        "memory",
        "catch the limit and go on",
        "x = []\nwhile True:\n  try:\n    x.append('a' * 10**6 + str(len(x)))\n  except BaseException: pass",
        f"{_TOO_MUCH}|{_TOO_LONG}",
    ),
    Probe(
        "tasks",
        "memory",
        "tasks that start tasks",
        "import asyncio\nasync def f(): return await asyncio.gather(f(), f())\nawait f()",
        f"{_TOO_MUCH}|{_TOO_DEEP}",
    ),
    Probe(
        "json bomb", "memory", "write a shared list out as JSON", f"import json\n{_HUNDREDFOLD}json.dumps(x)", _TOO_MUCH
    ),
    # Depth, where native stacks end.
    Probe("recursion", "depth", "call itself", "def f(n): return f(n + 1)\nf(0)", _TOO_DEEP),
    Probe(
        "caught recursion",
        "depth",
        "call itself again when stopped",
        "def f():\n  try: f()\n  except BaseException: f()\nf()",
        f"{_TOO_DEEP}|{_TOO_LONG}",
    ),
    Probe(
        "hostile repr",
        "depth",
        "a text of itself that asks for itself",
        "class A:\n  def __repr__(self): return self.__repr__()\nprint(A())",
        _TOO_DEEP,
    ),
    Probe(
        "hostile equality",
        "depth",
        "an equality that asks itself",
        "class A:\n  def __eq__(self, o): return self == o\nA() == A()",
        _TOO_DEEP,
    ),
    Probe(
        "deep equality",
        "depth",
        "compare two deep lists",
        f"{_DEEP}y = []\nfor _ in range(100_000): y = [y]\nx == y",
        _TOO_DEEP,
    ),
    Probe("deep hash", "depth", "hash a deep tuple", "x = ()\nfor _ in range(100_000): x = (x,)\nhash(x)", _TOO_DEEP),
    Probe("deep json", "depth", "read deep JSON", "import json\njson.loads('[' * 100_000 + ']' * 100_000)", _TOO_DEEP),
    Probe("deep dump", "depth", "write deep JSON", f"import json\n{_DEEP}json.dumps(x)", _TOO_DEEP),
    Probe(
        "deep pattern",
        "depth",
        "a deep regular expression",
        "import re\nre.compile('(' * 20_000 + ')' * 20_000)",
        _TOO_DEEP,
    ),
    Probe("parentheses", "depth", "a source of parentheses", "(" * 49_000 + "1" + ")" * 49_000, _TOO_DEEP),
    Probe("signs", "depth", "a source of signs", "-" * 90_000 + "1", _TOO_DEEP),
    Probe("negations", "depth", "a source of negations", "not " * 24_000 + "1", _TOO_DEEP),
    Probe("sum", "depth", "a source of one long sum", "+".join(["1"] * 49_000), _TOO_DEEP),
    Probe("attributes", "depth", "a source of one long path", "x" + ".a" * 45_000, _TOO_DEEP),
    Probe("calls", "depth", "a source of one long call", "f" + "()" * 45_000, _TOO_DEEP),
    Probe("blocks", "depth", "a source of nested blocks", "\n".join(" " * i + "if 1:" for i in range(440)), _TOO_DEEP),
    Probe("nested f-strings", "depth", "f-strings in f-strings", "f'{" * 1000 + "1" + "}'" * 1000, _TOO_DEEP),
    Probe("lambdas", "depth", "a source of lambdas", "lambda:" * 14_000 + "1", _TOO_DEEP),
    # What comes back to the worker.
    Probe("flood", "output", "print for ever", "while True: print('x' * 600)", _TOO_MUCH),
    Probe("empty flood", "output", "print empty lines for ever", "while True: print()", f"{_TOO_MUCH}|{_TOO_LONG}"),
    Probe("one long line", "output", "print ten megabytes at once", "print('x', end='y' * 10**7)", _TOO_MUCH),
    Probe("long result", "output", "return a long text", "'x' * 600", _TOO_LARGE),
    Probe(
        "result bomb", "output", "return a list that is small here and unfolds there", f"{_HUNDREDFOLD}x", _TOO_LARGE
    ),
    Probe("text bomb", "output", "return one long text a thousand times", "x = 'a' * 10**6\n[x] * 1000", _TOO_LARGE),
    Probe("deep result", "output", "return what nests deeper than JSON", f"{_DEEP}x", f"{_TOO_DEEP}|{_TOO_LARGE}"),
    Probe(
        "deep mapping",
        "output",
        "return deep mappings",
        "x = {}\nfor _ in range(50_000): x = {'a': x}\nx",
        f"{_TOO_DEEP}|{_TOO_LARGE}",
    ),
    Probe("cycle", "output", "return what contains itself", "x = []\nx.append(x)\nx", r'"\[...\]"'),
    Probe("no number", "output", "return what JSON has no word for", "float('nan')", "not JSON"),
    Probe("many digits", "output", "return a number of ten million digits", "1 << 3 * 10**7", _TOO_LARGE),
    Probe("digits in a list", "output", "return many long numbers", "[10 ** 10**6] * 1000", _TOO_LARGE),
    Probe(
        "object",
        "output",
        "return an object with a method",
        "class A:\n  def __reduce__(self): return (eval, ('1',))\nA()",
        "not JSON",
    ),
    Probe("long error", "output", "fail with a long reason", "raise Exception('x' * 10**7)", r"Exception: x{100}"),
    Probe(
        "error of lines",
        "output",
        "fail in several lines",
        "raise Exception('a\\nthe tool succeeded\\x00')",
        r"^[^\n]*Exception: a the tool succeeded",
    ),
    Probe("half a character", "output", "return half of a surrogate pair", "'\\ud800'", r'"value": "\\ufffd"'),
)
