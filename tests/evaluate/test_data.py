"""Reading cases from files, and dividing them without a leak."""

import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.core.errors import InvalidData, InvalidInput
from stemma.evaluate.data import Case, Dataset, read_dataset
from stemma.evaluate.rows import BadRow


@pytest.fixture
def write(tmp_path: Path) -> "Write":
    return Write(tmp_path)


class Write:
    """Writes a file into the test's folder and says where."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, content: str | bytes, name: str = "cases.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def _read(path: Path, **options: object) -> Dataset:
    return read_dataset(path, **{"inputs": ["text"], "expected": "label", **options})  # type: ignore[arg-type]


# Reading what is well formed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "id,text,label\n1,hello,greeting\n2,bye,farewell\n"),
        ("a.CSV", "\ufeffid,text,label\r\n1,hello,greeting\r\n\r\n2,bye,farewell"),
        ("a.tsv", "text\tlabel\nhello\tgreeting\nbye\tfarewell\n"),
        ("a.jsonl", '{"text": "hello", "label": "greeting"}\n\n{"label": "farewell", "text": "bye", "id": 2}\n'),
        ("a.ndjson", '\ufeff{"text":"hello","label":"greeting"}\r\n{"text":"bye","label":"farewell"}'),
    ],
)
def test_named_columns_become_cases(write: Write, name: str, content: str) -> None:
    """Every format gives the same cases from the columns that were named, other columns and empty lines aside."""
    data = _read(write(content, name))
    assert [(case.inputs, case.expected) for case in data] == [
        ({"text": "hello"}, "greeting"),
        ({"text": "bye"}, "farewell"),
    ]
    assert (data.problems, data.input_columns, data.expected_column) == ((), ("text",), "label")


def test_parquet_gives_the_cases_that_csv_gives(write: Write) -> None:
    """A Parquet file holds the same cases, under the same digest, as the CSV file with the same values."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = write.folder / "cases.parquet"
    pq.write_table(pa.table({"text": ["hello", "bye", None], "label": ["greeting", "farewell", "x"]}), path)
    data = _read(path)
    assert data.digest == _read(write("text,label\nhello,greeting\nbye,farewell\n")).digest
    assert data.problems == (BadRow(3, "has no value for 'text'"),)


def test_a_case_knows_the_line_it_starts_on(write: Write) -> None:
    """Lines are counted in the file as an editor shows it, through quoted line breaks and empty lines."""
    data = _read(write('text,label\n"two\nlines",a\n\n"say ""hi"", now",b\nlast,c\n'))
    assert [(case.line, case.inputs["text"]) for case in data] == [(2, "two\nlines"), (5, 'say "hi", now'), (6, "last")]


def test_a_line_separator_inside_json_is_no_new_line(write: Write) -> None:
    """U+2028 in a JSON string is text, not the end of the row."""
    data = _read(write('{"text": "a\u2028b", "label": "x"}\n{"text": "c", "label": "y"}', "a.jsonl"))
    assert [(case.line, case.inputs["text"]) for case in data] == [(1, "a\u2028b"), (2, "c")]


def test_values_that_are_no_text_are_shown_as_json(write: Write) -> None:
    """Numbers, booleans and objects in JSONL become the JSON a prompt can be given."""
    data = _read(write('{"text": {"a": [1, "é"]}, "label": true}\n{"text": 1.50, "label": 3}', "a.jsonl"))
    assert [(case.inputs["text"], case.expected) for case in data] == [('{"a": [1, "é"]}', "true"), ("1.5", "3")]


def test_a_field_may_be_very_long(write: Write) -> None:
    """A field of two megabytes is read whole."""
    assert len(_read(write(f"text,label\n{'x' * 2_000_000},a\n")).cases[0].inputs["text"]) == 2_000_000


def test_several_inputs_and_no_expected_answer(write: Write) -> None:
    """Inputs keep the order in which they were named, and an expected answer is not required."""
    data = _read(write("a,b,c\n1,2,3\n"), inputs=["c", "a"], expected=None)
    assert list(data.cases[0].inputs.items()) == [("c", "3"), ("a", "1")]
    assert data.cases[0].expected is None


def test_a_limit_counts_good_rows(write: Write) -> None:
    """Reading stops after so many good rows, having told of the bad ones on the way."""
    data = _read(write("text,label\n,a\nb,b\nc,c\n,d\n"), limit=1)
    assert ([case.line for case in data], [bad.line for bad in data.problems]) == ([3], [2])


# Bad rows


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,b,c", "has 3 fields where the header has 2; quote fields that hold commas"),
        ("a", "has 1 fields where the header has 2; quote fields that hold commas"),
        (",b", "has an empty value for 'text'"),
        ("a,   ", "has an empty value for 'label'"),
        ("a\0b,c", "has a NUL character in 'text'"),
        ('"a"b,c', "is not valid CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_csv_row_is_left_out_and_told(write: Write, row: str, problem: str) -> None:
    """A row that breaks the format or lacks a value stands in the problems by line; the rows around it are kept."""
    data = _read(write(f"text,label\nfirst,x\n{row}\nlast,y\n"))
    assert [case.inputs["text"] for case in data] == ["first", "last"]
    assert data.problems == (BadRow(3, problem),)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"text": "a"', "is not valid JSON: Expecting ',' delimiter at character 13"),
        ('["a"]', "is a JSON array, not an object; write one {…} a line"),
        ("null", "is a JSON null, not an object; write one {…} a line"),
        ('{"text": "a"}', "has no value for 'label'"),
        ('{"text": null, "label": "x"}', "has no value for 'text'"),
        ('{"text": "", "label": "x"}', "has an empty value for 'text'"),
        ('{"text": NaN, "label": "x"}', "is not valid JSON: NaN is no JSON value"),
        ('{"text": "\\ud800", "label": "x"}', "has half of a surrogate pair in 'text', which is not text"),
    ],
)
def test_a_bad_json_row_is_left_out_and_told(write: Write, row: str, problem: str) -> None:
    """A line that is no object with the named values stands in the problems; the lines around it are kept."""
    good = '{"text": "t", "label": "l"}'
    data = _read(write(f"{good}\n{row}\n{good}\n", "a.jsonl"))
    assert ([case.line for case in data], data.problems) == ([1, 3], (BadRow(2, problem),))


def test_deep_nesting_is_a_bad_row(write: Write) -> None:
    """A line nested deeper than a parser can follow is told like any other bad row."""
    data = _read(write('{"text": "t", "label": "l"}\n' + "[" * 100_000, "a.jsonl"))
    assert [bad.line for bad in data.problems] == [2]


def test_strict_makes_the_first_bad_row_fatal(write: Write) -> None:
    """With strict nothing is left out: the first bad row ends the reading, by its line."""
    path = write("text,label\na,b\n,c\n")
    with pytest.raises(InvalidData) as caught:
        _read(path, strict=True)
    assert str(caught.value) == f"{path}:3: has an empty value for 'text'"


def test_every_row_is_a_case_or_a_problem(write: Write) -> None:
    """Over 500 files of random fragments, each line that is not empty is accounted for exactly once."""
    draw = random.Random(7)
    for _ in range(500):
        rows = [draw.choice(["a,b", "a", "a,b,c", ",", "x ,y", "é,ü"]) for _ in range(draw.randrange(12))]
        data = _read(write("\n".join(["text,label", "good,row", *rows])))
        lines = sorted([case.line for case in data] + [bad.line for bad in data.problems])
        assert lines == list(range(2, len(rows) + 3))


# What makes a whole file useless


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"text,label\n", "has a header and no rows"),
        ("a.csv", b"text,label\n,x\n,y\n", ":2: no row can be used (2 bad); the first has an empty value for 'text'"),
        ("a.csv", b"txet,label\na,b\n", "has no column 'text' (did you mean 'txet'?); it has 'txet', 'label'"),
        ("a.csv", b"text,text,label\na,b,c\n", "the column 'text' stands in the header 2 times"),
        ("a.csv", b"text,label\nok,a\nna\xefve,b\n", ":3: byte 0xef is not UTF-8"),
        ("a.csv", "text,label\na,b\n".encode("utf-16"), ":1: byte 0xff is not UTF-8"),
        ("a.csv", b'text,label\na,b\n"open,c\nd,e\n', ":3: a quote opened in the row that starts here is never closed"),
        ("a.jsonl", b"\n \n", "is empty"),
        ("a.jsonl", b"nonsense\n", ":1: no row can be used (1 bad); the first is not valid JSON"),
        ("a.jsonl", b'{"Text": "a", "label": "b"}\n', "has no column 'text' (did you mean 'Text'?)"),
        ("a.xlsx", b"", ".xlsx is not a format read here; use .csv, .tsv, .jsonl, .ndjson, .parquet"),
        ("a", b"", "no suffix is not a format read here"),
    ],
)
def test_an_unusable_file_is_one_clear_line(write: Write, name: str, content: bytes, message: str) -> None:
    """What makes a file useless as a whole is told in one line with the file's path, its line where there is one."""
    path = write(content, name)
    with pytest.raises(InvalidData) as caught:
        _read(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_parquet_file_is_one_clear_line(write: Write) -> None:
    """A file that only calls itself Parquet is refused in one line."""
    pytest.importorskip("pyarrow")
    with pytest.raises(InvalidData, match="is not a readable Parquet file") as caught:
        _read(write(b"not parquet at all", "a.parquet"))
    assert "\n" not in str(caught.value)


def test_bytes_in_parquet_are_refused(write: Write) -> None:
    """A column of bytes has no text to show a model, so it is refused by name."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = write.folder / "a.parquet"
    pq.write_table(pa.table({"text": [b"a"], "label": ["b"]}), path)
    with pytest.raises(InvalidData, match="'text' holds bytes"):
        _read(path)


def test_a_missing_file_names_its_neighbour(write: Write) -> None:
    """A mistyped path is answered with the file that was probably meant."""
    write("text,label\n", "tickets.csv")
    with pytest.raises(InvalidData, match=r"no such file \(did you mean 'tickets.csv'\?\)"):
        _read(write.folder / "tikets.csv")


def test_a_file_that_is_not_there_is_missing_before_it_has_no_format(write: Write) -> None:
    """Of a name without a suffix that leads nowhere, first things are said first."""
    with pytest.raises(InvalidData, match="y: no such file"):
        _read(write.folder / "y")
    (write.folder / "y").write_text("text,label\n")
    with pytest.raises(InvalidData, match="no suffix is not a format read here"):
        _read(write.folder / "y")


@pytest.mark.parametrize(("mark", "named"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_columns_may_be_parted_by_other_marks(write: Write, mark: str, named: str) -> None:
    """What the header shows counts, whatever stands in the texts; a bad row speaks of that mark."""
    lines = [("text", "label"), ("a, b, and c", "x"), ("one", "two", "three")]
    data = _read(write("".join(f"{mark.join(line)}\n" for line in lines)))
    assert [(dict(case.inputs), case.expected) for case in data] == [({"text": "a, b, and c"}, "x")]
    assert data.problems == (BadRow(3, f"has 3 fields where the header has 2; quote fields that hold {named}"),)


def test_a_comma_is_meant_where_it_can_be(write: Write) -> None:
    """Other marks in a header are part of the names of its columns, and a column that no mark brings about is missing."""
    assert dict(_read(write("text,label,a;b\nx;y,z,w\n")).cases[0].inputs) == {"text": "x;y"}
    with pytest.raises(InvalidData, match="has no column 'text'; it has 'id;note'"):
        _read(write("id;note\n1;x\n"))


def test_a_folder_is_no_file(write: Write) -> None:
    """A folder, even one named like a data set, is refused as what it is."""
    (write.folder / "data.csv").mkdir()
    with pytest.raises(InvalidData, match="is a folder"):
        _read(write.folder / "data.csv")


@pytest.mark.parametrize(
    "options", [{"inputs": []}, {"inputs": ["text", "text"]}, {"inputs": ["label", "text"]}, {"limit": 0}]
)
def test_columns_that_make_no_sense_are_refused(write: Write, options: dict[str, object]) -> None:
    """No input, an input named twice, an answer shown as an input, and a limit of nothing are refused."""
    with pytest.raises(InvalidInput):
        _read(write("text,label\na,b\n"), **options)


def test_public_data_is_read_whole(shared_data: Path) -> None:
    """All 10,003 training questions of BANKING77 and its 77 intents are read without a problem."""
    data = read_dataset(shared_data / "banking77" / "banking_train.csv", inputs=["text"], expected="category")
    assert (len(data), len(data.labels()), data.problems) == (10_003, 77, ())


# Digests


def test_a_digest_ignores_place_and_order_of_inputs() -> None:
    """A case is named by what it says: not by its line, nor by the order of its inputs."""
    assert Case({"a": "1", "b": "2"}, "x", 1).digest == Case({"b": "2", "a": "1"}, "x", 9).digest
    assert Case({"a": "1"}, "x").digest != Case({"a": "1"}, None).digest


# Dividing

CASES = st.lists(
    st.builds(
        lambda text, label: Case({"text": text}, label),
        st.integers(0, 25).map(str),
        st.sampled_from(["a", "b", "c", None]),
    ),
    min_size=2,
    max_size=60,
)


@given(cases=CASES, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 99), stratify=st.booleans())
def test_a_split_loses_and_leaks_nothing(cases: list[Case], fraction: float, seed: int, stratify: bool) -> None:
    """Every case is on one side, in its order, no input on both, and copies never make the part too large."""
    numbered = tuple(Case(case.inputs, case.expected, line) for line, case in enumerate(cases))
    try:
        rest, part = Dataset(numbered).split(fraction, seed=seed, stratify=stratify)
    except InvalidInput:
        return  # copies left one side empty
    for side in (rest, part):
        assert [case.line for case in side] == sorted(case.line for case in side)
    assert sorted([case.line for case in rest] + [case.line for case in part]) == list(range(len(cases)))
    assert not {case.inputs["text"] for case in rest} & {case.inputs["text"] for case in part}
    assert len(part) <= max(int(fraction * len(cases) + 0.5), 1)


@given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=80), st.floats(0.05, 0.95), st.integers(0, 99))
def test_a_split_keeps_proportions(labels: list[str], fraction: float, seed: int) -> None:
    """Without copies the part has the rounded size, and each expected answer its share to within one case."""
    data = Dataset(tuple(Case({"text": str(place)}, label) for place, label in enumerate(labels)))
    _, part = data.split(fraction, seed=seed)
    size = min(max(int(fraction * len(labels) + 0.5), 1), len(labels) - 1)
    assert len(part) == size
    for label in set(labels):
        assert abs(sum(case.expected == label for case in part) - labels.count(label) * size / len(labels)) < 1


def test_a_split_depends_on_the_seed_alone() -> None:
    """One seed gives the same part for the same cases in another order; another seed gives another part."""
    data = Dataset(tuple(Case({"text": str(place)}, str(place % 3)) for place in range(90)))
    turned = Dataset(data.cases[::-1])
    parts = [{case.digest for case in part} for _, part in (data.split(0.3, seed=1), turned.split(0.3, seed=1))]
    assert parts[0] == parts[1]
    assert parts[0] != {case.digest for case in data.split(0.3, seed=2)[1]}


def test_a_split_is_the_same_on_every_machine() -> None:
    """The cases of one split are written down here: neither Python's hashing nor a library's version moves them."""
    data = Dataset(tuple(Case({"text": str(place)}, str(place % 2)) for place in range(20)))
    assert [case.inputs["text"] for case in data.split(0.25, seed=42)[1]] == ["1", "3", "8", "14", "18"]


def test_labels_that_are_all_different_still_split_at_random() -> None:
    """Where no answer occurs twice, the seed chooses the part, not the alphabet."""
    data = Dataset(tuple(Case({"text": str(place)}, f"{place:03}") for place in range(100)))
    first, second = (data.split(0.2, seed=seed)[1].labels() for seed in (1, 2))
    assert len(first) == len(second) == 20
    assert first != second
    assert first != data.labels()[:20]


@pytest.mark.parametrize("fraction", [0, 1, -0.5, float("nan")])
def test_a_fraction_that_leaves_a_side_empty_is_refused(fraction: float) -> None:
    """Fractions of nothing, of everything and NaN are refused."""
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        Dataset((Case({"a": "1"}), Case({"a": "2"}))).split(fraction, seed=0)


@pytest.mark.parametrize("cases", [(Case({"a": "1"}),), (Case({"a": "1"}),) * 9])
def test_cases_that_cannot_be_divided_are_refused(cases: tuple[Case, ...]) -> None:
    """A single case, or nothing but copies of one, cannot be split, and the error says why."""
    with pytest.raises(InvalidInput, match="stay together"):
        Dataset(cases).split(0.5, seed=0)


def test_copies_are_counted() -> None:
    """Each exact repetition of an earlier case counts once; the same question with another answer is no copy."""
    data = Dataset((Case({"a": "1"}, "x"), Case({"a": "1"}, "x"), Case({"a": "1"}, "y"), Case({"a": "1"}, "x")))
    assert data.duplicates == 2


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(0, 9), st.data())
def test_larger_samples_hold_smaller_ones(texts: list[str], seed: int, draw: st.DataObject) -> None:
    """A sample has the size asked for, in file order without repetition, and grows by adding cases only."""
    data = Dataset(tuple(Case({"text": text}, None, line) for line, text in enumerate(texts)))
    large = draw.draw(st.integers(1, len(texts)))
    small = draw.draw(st.integers(1, large))
    lines = [[case.line for case in data.sample(size, seed=seed)] for size in (small, large)]
    assert [len(found) for found in lines] == [small, large]
    assert lines[1] == sorted(set(lines[1]))
    assert set(lines[0]) <= set(lines[1])


def test_a_sample_takes_copies_one_by_one() -> None:
    """A case that fills half of the file fills about half of a sample, not all of it or nothing."""
    data = Dataset((Case({"text": "again"}),) * 50 + tuple(Case({"text": str(place)}) for place in range(50)))
    for seed in range(5):
        assert 5 <= sum(case.inputs["text"] == "again" for case in data.sample(30, seed=seed)) <= 25


def test_a_sample_larger_than_the_data_is_refused() -> None:
    """More cases than there are cannot be drawn, and the error says how many there are."""
    with pytest.raises(InvalidInput, match="it has 1"):
        Dataset((Case({"a": "1"}),)).sample(2, seed=0)


def test_problems_are_told_once(write: Write) -> None:
    """The parts of a data set do not repeat the problems of the whole."""
    data = _read(write("text,label\na,x\nb,x\n,x\n"))
    rest, part = data.split(0.5, seed=0)
    assert (len(data.problems), rest.problems, part.problems) == (1, (), ())


@given(st.lists(st.tuples(*[st.text(min_size=1).filter(lambda t: bool(t.strip()) and "\0" not in t)] * 2), min_size=1))
def test_jsonl_keeps_every_text(rows: list[tuple[str, str]]) -> None:
    """Any text that JSON can carry comes back as it was written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.jsonl"
        path.write_text("\n".join(json.dumps({"text": a, "label": b}) for a, b in rows), encoding="utf-8")
        assert [(case.inputs["text"], case.expected) for case in _read(path)] == rows


def test_columns_without_number(tmp_path: Path) -> None:
    """A file of a hundred thousand columns is refused in a short line when the one asked for is not there."""
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"column {number}" for number in range(100_000)) + "\n")
    with pytest.raises(InvalidData, match=r"'text'.* and 99,980 more") as refusal:
        read_dataset(path, inputs=["text"])
    assert len(str(refusal.value)) < 2000


@pytest.mark.parametrize("name", ["x" * 5_000 + ".csv", "a\0b.csv"], ids=["long", "NUL"])
def test_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    """A path that the system does not take is said to be wrong like any other."""
    with pytest.raises(InvalidData):
        read_dataset(tmp_path / name, inputs=["text"])
