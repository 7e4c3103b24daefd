"""Tokenizers behind one interface: characters, and byte-level BPE by the library `tokenizers` (ours, to read: bpe.py).

Plain text never encodes to a special token, whatever it spells: special ids come from `id_of` alone.
Knows nothing of chats; that is `chat.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Library

from playbook.plumbing.errors import InputError
from playbook.plumbing.files import atomic_write, read_json, write_json
from playbook.text.special_tokens import SPECIAL_TOKENS

BYTES = 256
MIN_FREQUENCY = 2
"""A pair that occurs once teaches nothing: the vocabulary stays smaller instead."""
MAKER = "dvc repro -f tokenizer"


@dataclass(frozen=True)
class TokenizerConfig:
    """The `tokenizer` section of params.yaml."""

    kind: Literal["char", "bpe"] = "bpe"
    vocab_size: int = 2048
    """Upper bound, bpe only, special tokens included. A char vocabulary is as large as the text's alphabet."""
    specials: bool = True
    """Reserve ids for documents and chats. Turn off only to train on nothing but plain text."""

    def __post_init__(self) -> None:
        least = BYTES + len(SPECIAL_TOKENS) * self.specials
        if not least <= self.vocab_size <= 2**16:
            raise InputError(
                "vocab_size", f"{least} (bytes and special tokens) to 65536 (ids are 16 bits wide)", self.vocab_size
            )


@runtime_checkable
class Tokenizer(Protocol):
    """Text <-> token ids."""

    @property
    def vocab_size(self) -> int:
        """Ids are 0 to vocab_size - 1."""

    @property
    def has_specials(self) -> bool:
        """Whether all `SPECIAL_TOKENS` have ids."""

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; never a special one."""

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """`encode` of each text, faster."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are written as their names."""

    def id_of(self, special: str) -> int:
        """The id of a special token; `InputError` if the tokenizer has none."""

    def byte_length(self, token: int) -> int:
        """UTF-8 bytes of text that a token stands for; 0 for a special one."""

    def save(self, path: str | Path) -> None:
        """Write a JSON file that `load_tokenizer` reads."""


class CharTokenizer:
    """One id a character, sorted by code point, after the special tokens if there are any.

    >>> tokenizer = CharTokenizer("hello", specials=False)
    >>> tokenizer.encode("hole")
    [1, 3, 2, 0]
    """

    def __init__(self, characters: Iterable[str], specials: bool = True) -> None:
        self.has_specials = specials
        self._names = [*(SPECIAL_TOKENS if specials else []), *sorted(set(characters))]
        self._ids = {name: i for i, name in enumerate(self._names)}
        self.vocab_size = len(self._names)

    @property
    def characters(self) -> str:
        """The alphabet, in the order of ids."""
        return "".join(name for name in self._names if len(name) == 1)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; a character outside the alphabet raises `InputError` with its position."""
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            [character] = error.args
            where = f"the text at character {text.index(character)}"
            got = f"{character!r} (U+{ord(character):04X})"
            run = f"{MAKER} on a text that has it, or set tokenizer.kind: bpe"
            raise InputError(
                where, f"one of the {len(self.characters)} characters of the vocabulary", got, run
            ) from None

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """`encode` of each text."""
        return [self.encode(text) for text in texts]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are written as their names."""
        return "".join(self._names[i] for i in ids)

    def id_of(self, special: str) -> int:
        """The id of a special token."""
        return _special_id(special, self._ids.get(special))

    def byte_length(self, token: int) -> int:
        """UTF-8 bytes of the character."""
        name = self._names[token]
        return len(name.encode()) if len(name) == 1 else 0

    def save(self, path: str | Path) -> None:
        """Write our own small JSON."""
        write_json(path, {"kind": "char", "specials": self.has_specials, "characters": self.characters})


class BPETokenizer:
    """Byte-level BPE: any text goes in and comes back. Wraps a `tokenizers.Tokenizer` and its tokenizer.json."""

    def __init__(self, library: Library) -> None:
        library.encode_special_tokens = True  # i.e. as text: "<|end|>" in a document must not end it
        self._library = library
        self._specials = {name: i for name in SPECIAL_TOKENS if (i := library.token_to_id(name)) is not None}
        self._special_ids = frozenset(self._specials.values())
        self.vocab_size: int = library.get_vocab_size()
        self.has_specials = len(self._specials) == len(SPECIAL_TOKENS)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; never a special one."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """`encode` of each text, on all cores; half a surrogate pair, which is no text, raises `InputError`."""
        try:
            return [row.ids for row in self._library.encode_batch_fast(texts, add_special_tokens=False)]
        except TypeError:
            for number, text in enumerate(texts):
                _check_unicode(text, number)
            raise

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids; special tokens are written as their names, a character cut in two as U+FFFD."""
        return str(self._library.decode(list(ids), skip_special_tokens=False))

    def id_of(self, special: str) -> int:
        """The id of a special token."""
        return _special_id(special, self._specials.get(special))

    def byte_length(self, token: int) -> int:
        """UTF-8 bytes that the token stands for."""
        if token in self._special_ids:
            return 0
        return len(self._library.id_to_token(token) or "")  # byte-level names have one character a byte

    def save(self, path: str | Path) -> None:
        """Write the library's own tokenizer.json, which `transformers` reads too."""
        with atomic_write(path) as handle:
            handle.write(self._library.to_str(pretty=True))


def train_tokenizer(config: TokenizerConfig, texts: Iterable[str]) -> Tokenizer:
    """Learn a vocabulary from texts (read once, as a stream)."""
    if config.kind == "char":
        characters: set[str] = set()
        for text in texts:
            characters.update(text)
        return CharTokenizer(characters, config.specials)
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=MIN_FREQUENCY,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in SPECIAL_TOKENS * config.specials],
    )
    library.train_from_iterator(texts, trainer)
    return BPETokenizer(library)


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Read what `save` wrote, or the tokenizer.json of any byte-level BPE; anything else raises `InputError`."""
    found = read_json(path, MAKER)
    if isinstance(found, dict) and found.get("kind") == "char" and isinstance(found.get("characters"), str):
        return CharTokenizer(found["characters"], found.get("specials") is True)
    if isinstance(found, dict) and isinstance(found.get("model"), dict) and found["model"].get("type") == "BPE":
        try:
            return BPETokenizer(Library.from_file(str(path)))
        except Exception as error:  # the library raises nothing narrower
            raise InputError(path, "a tokenizer.json of the library tokenizers", error, MAKER) from None
    raise InputError(path, "a character vocabulary, or a tokenizer.json with a BPE model", "another JSON", MAKER)


def _special_id(special: str, found: int | None) -> int:
    if found is None:
        raise InputError("the tokenizer", f"an id for {special}", "none", f"set tokenizer.specials: true, then {MAKER}")
    return found


def _check_unicode(text: str, number: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        got = f"half a surrogate pair, {text[error.start]!a}"
        raise InputError(f"text {number} at character {error.start}", "Unicode text", got) from None
