"""Texts to vectors: the hashed encoder, BERT's tokenizer, the weights format, and MiniLM where it is installed."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemma.core.errors import InvalidData
from stemma.models import weights_root
from stemma.models.encoders import HashedEncoder
from stemma.models.encoders.minilm import MiniLMEncoder
from stemma.models.encoders.safetensors import read_float32
from stemma.models.encoders.wordpiece import WordPiece
from stemma.models.weights import MINILM

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "card", "##s", "lost", "cafe", "!", "$"]


@pytest.fixture
def wordpiece(tmp_path: Path) -> WordPiece:
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    return WordPiece(tmp_path / "vocab.txt", longest=6)


@pytest.fixture(scope="session")
def minilm() -> MiniLMEncoder:
    if not MINILM.installed(weights_root()):
        pytest.skip("needs the MiniLM weights: stemma models install minilm")
    return MiniLMEncoder(MINILM.folder(weights_root()))


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_a_vector_has_length_one_or_is_zero(texts: list[str]) -> None:
    """Every text with a word is a unit vector, every other one zeros, in the order they were given."""
    lengths = np.linalg.norm(HashedEncoder().encode(texts), axis=1)
    assert all(abs(length - 1) < 1e-5 or length == 0 for length in lengths)


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_a_vector_does_not_depend_on_its_company(first: str, second: str) -> None:
    """A text encoded alone and among others gives the same vector, bit for bit."""
    encoder = HashedEncoder()
    assert np.array_equal(encoder.encode([first, second])[0], encoder.encode([first])[0])


def test_hashing_is_the_same_in_every_release() -> None:
    """Vectors never change by accident: remembered results and thresholds rest on them."""
    vector = HashedEncoder(256).encode(["Lost my card"])[0]
    assert np.flatnonzero(vector)[:6].tolist() == [5, 25, 33, 53, 59, 62]
    assert HashedEncoder(256).encode(["LOST, my card!"])[0].tolist() == vector.tolist()


def test_likeness_follows_words_and_parts_of_words() -> None:
    """An inflected form is nearer than an unrelated word, and a shared word nearer than none."""
    card, cards, weather = HashedEncoder().encode(["my card was declined", "declining cards", "rain tomorrow"])
    assert card @ cards > 0.2 > abs(card @ weather)


def test_the_beginning_of_a_word_says_more_than_its_end() -> None:
    """Words that begin alike are nearer than words that end alike."""
    word, begun_alike, ended_alike = HashedEncoder().encode(["bakrin", "baktop", "toprin"])
    assert word @ begun_alike > 1.3 * (word @ ended_alike) > 0


def test_function_words_count_less() -> None:
    """What two texts are about makes them alike, not the little words between."""
    asked, same, other = HashedEncoder().encode(["what is the fee", "fee", "what is the limit"])
    assert asked @ same > asked @ other


def test_an_opening_is_the_first_two_words() -> None:
    """Texts that open with the same two words have the same opening, with the same first word a like one."""
    texts = ["How many cards?", "how many people", "How far?", "where from", ""]
    meanings, openings = HashedEncoder().views(texts)
    assert np.array_equal(meanings, HashedEncoder().encode(texts))
    likeness = openings @ openings[0]
    assert likeness == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])


def test_a_hashed_encoder_wants_a_power_of_two() -> None:
    """Any other number of dimensions would leave buckets unused, and is refused."""
    with pytest.raises(ValueError, match="power of two"):
        HashedEncoder(1000)


def test_words_are_cut_into_the_longest_known_pieces(wordpiece: WordPiece) -> None:
    """Case and accents go, punctuation stands alone, pieces inside a word are marked, and the rest is unknown."""
    spelled = [VOCABULARY[number] for number in wordpiece.tokens("Cards! Café xyz")]
    assert spelled == ["[CLS]", "card", "##s", "!", "cafe", "[SEP]"]  # cut at six tokens
    assert [VOCABULARY[number] for number in wordpiece.tokens("x $")] == ["[CLS]", "[UNK]", "$", "[SEP]"]


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    """A tensor comes back with its shape and values; other types are left out."""
    tensor = np.arange(6, dtype=np.float32)
    header = {
        "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "n": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]},
    }
    text = json.dumps(header).encode().ljust(136)  # the format pads its header with spaces
    (tmp_path / "w").write_bytes(len(text).to_bytes(8, "little") + text + tensor.tobytes() + bytes(8))
    read = read_float32(tmp_path / "w")
    assert list(read) == ["w"]
    assert np.array_equal(read["w"], tensor.reshape(2, 3))


@pytest.mark.parametrize(
    "content", [b"x", b"\xff" * 64, (20).to_bytes(8, "little") + b"not json at all.....", bytes(64)]
)
def test_a_damaged_weights_file_is_named(tmp_path: Path, content: bytes) -> None:
    """A file that is cut short or something else is an InvalidData that names it and says what to do."""
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(InvalidData, match="fetch it again"):
        read_float32(tmp_path / "w")


def test_minilm_puts_like_meanings_together(minilm: MiniLMEncoder) -> None:
    """Sentences without a word in common are near when they mean the same."""
    password, login, weather = minilm.encode(
        ["How do I reset my password?", "I forgot my login secret", "Nice weather"]
    )
    assert password @ login == pytest.approx(0.583, abs=0.001)
    assert abs(password @ weather) < 0.1


def test_minilm_understands_an_opening_by_what_follows(minilm: MiniLMEncoder) -> None:
    """'What' that asks for a place is nearer to 'where' than 'what' that asks for a meaning."""
    city, where, mean = minilm.views(["What city has the most people?", "Where is Paris?", "What is an atom?"]).openings
    assert city @ where > city @ mean
    assert np.linalg.norm([city, where, mean], axis=1) == pytest.approx(1.0)


def test_minilm_does_not_depend_on_company_or_order(minilm: MiniLMEncoder) -> None:
    """A text's vector is the same alone, in a batch, and next to longer texts."""
    texts = ["short", "a somewhat longer sentence than that", "short", "another one"]
    together = minilm.encode(texts)
    assert np.abs(together - np.concatenate([minilm.encode([text]) for text in texts])).max() < 2e-7


def test_minilm_equals_the_same_network_in_double_precision(minilm: MiniLMEncoder) -> None:
    """Running in float32 with an approximated erf costs less than 5e-7 in any number of a vector."""
    text = "I paid $20 with my card yesterday, and it was declined!"
    exact = double_precision(MINILM.folder(weights_root()), text)
    assert np.abs(minilm.encode([text])[0] - exact).max() < 5e-7


def double_precision(folder: Path, text: str) -> np.ndarray:
    """BERT as its paper writes it, in float64 and with the exact erf, for one text."""
    from scipy.special import erf

    tensors = {name: value.astype(np.float64) for name, value in read_float32(folder / "model.safetensors").items()}

    def linear(hidden: np.ndarray, name: str) -> np.ndarray:
        return np.asarray(hidden @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"])

    def norm(hidden: np.ndarray, name: str) -> np.ndarray:
        centred = hidden - hidden.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return np.asarray(scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"])

    tokens = WordPiece(folder / "vocab.txt").tokens(text)
    hidden = tensors["embeddings.word_embeddings.weight"][tokens]
    hidden = hidden + tensors["embeddings.position_embeddings.weight"][: len(tokens)]
    hidden = norm(hidden + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(6):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            linear(hidden, f"{layer}.attention.self.{part}").reshape(-1, 12, 32).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(32))
        mixed = ((scores / scores.sum(-1, keepdims=True)) @ value).transpose(1, 0, 2).reshape(len(tokens), 384)
        hidden = norm(hidden + linear(mixed, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        wide = linear(hidden, f"{layer}.intermediate.dense")
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        hidden = norm(hidden + linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    pooled = hidden.mean(0)
    return np.asarray(pooled / np.linalg.norm(pooled))
