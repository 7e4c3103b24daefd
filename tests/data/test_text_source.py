from pathlib import Path

import pytest

from playbook.data import text_source
from playbook.data.text_source import DataConfig, prepare_text, read_blocks
from playbook.plumbing.errors import InputError


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "sources"
    folder.mkdir(parents=True)
    return folder


def prepare(out: str = "corpus", fraction: float = 0.1) -> tuple[str, str]:
    prepare_text(DataConfig("text", validation_fraction=fraction), Path(out))
    return tuple((Path(out) / f"{part}.txt").read_bytes().decode() for part in ("train", "validation"))  # type: ignore[return-value]


def test_the_last_tenth_of_the_characters_validates(sources: Path) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(994)) + "éßの🙂xy"
    (sources / "a.txt").write_text(text, encoding="utf-8")
    train, validation = prepare()
    assert (train, validation) == (text[:900], text[900:])


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 20])
def test_any_block_size_gives_the_same_text(block: int, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_source, "BLOCK", block)
    (sources / "a.txt").write_bytes("\ufeffé🙂\r\nzwei\rdrei\n".encode())
    assert "".join(read_blocks(sources / "a.txt")) == "é🙂\nzwei\ndrei\n"
    train, validation = prepare(fraction=0.5)
    assert train + validation == "é🙂\nzwei\ndrei\n"


def test_files_are_joined_in_the_order_of_their_names(sources: Path) -> None:
    for name, text in (("b.txt", "2nd\n"), ("a.txt", "first"), ("c.txt", "last"), ("README.md", "no\n")):
        (sources / name).write_text(text)
    assert "".join(prepare()) == "first\n2nd\nlast"


def test_no_files(sources: Path) -> None:
    with pytest.raises(InputError, match=r"data/sources/\*\.txt(.|\n)*no file(.|\n)*data\.source: world"):
        prepare()


@pytest.mark.parametrize("content", [b"", "\ufeff".encode()])
def test_an_empty_file_is_named(content: bytes, sources: Path) -> None:
    (sources / "a.txt").write_text("fine")
    (sources / "b.txt").write_bytes(content)
    with pytest.raises(InputError, match=r"b\.txt(.|\n)*an empty file"):
        prepare()


@pytest.mark.parametrize("block", [4, 1 << 20])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"some text\0more", "a NUL byte at offset 9"),
        ("é ü ".encode() + b"\xff then", "bytes ff at offset 6, which are no UTF-8"),
        (b"abc" + "🙂".encode()[:3] + b"x", "bytes f0 9f 99 at offset 3, which are no UTF-8"),
        (b"cut at the end " + "é".encode()[:1], "bytes c3 at offset 15, which are no UTF-8"),
    ],
)
def test_a_binary_file_is_named_with_the_offset(
    content: bytes, message: str, block: int, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_source, "BLOCK", block)
    (sources / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.txt(.|\n)*{message}"):
        prepare()


def test_a_failure_leaves_the_old_corpus(sources: Path) -> None:
    (sources / "a.txt").write_text("0123456789")
    before = prepare()
    (sources / "a.txt").write_bytes(b"01234\0")
    with pytest.raises(InputError):
        prepare()
    assert (
        [Path(f"corpus/{part}.txt").read_text() for part in ("train", "validation")]
        == list(before)
        == ["012345678", "9"]
    )


def test_too_little_to_split(sources: Path) -> None:
    (sources / "a.txt").write_text("x")
    with pytest.raises(InputError, match="1 characters"):
        prepare()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1])
def test_an_impossible_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="validation_fraction"):
        DataConfig(validation_fraction=fraction)
