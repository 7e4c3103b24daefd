import hashlib
import io
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from playbook.data.mirror import VARIABLE, fetch
from playbook.plumbing.errors import InputError

CONTENT = b"First Citizen:\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/input.txt"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return folder


def refuse(url: str, timeout: float) -> Any:
    raise OSError("Network is unreachable")


def test_copies_from_the_mirror(mirror: Path, tmp_path: Path) -> None:
    (mirror / "input.txt").write_bytes(CONTENT)
    assert fetch("input.txt", URL, SHA256, tmp_path / "new" / "input.txt").read_bytes() == CONTENT


def test_what_is_there_is_kept(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_bytes(CONTENT)
    assert fetch("input.txt", URL, SHA256, tmp_path / "input.txt").read_bytes() == CONTENT


def test_a_missing_mirror_file(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"mirror/input\.txt(.|\n)*{SHA256}(.|\n)*set {VARIABLE}"):
        fetch("input.txt", URL, SHA256, tmp_path / "input.txt")


def test_a_wrong_checksum_leaves_the_old_file(mirror: Path, tmp_path: Path) -> None:
    (mirror / "input.txt").write_bytes(b"something else")
    (tmp_path / "input.txt").write_bytes(b"old")
    with pytest.raises(InputError, match=rf"{SHA256}(.|\n)*{hashlib.sha256(b'something else').hexdigest()}"):
        fetch("input.txt", URL, SHA256, tmp_path / "input.txt")
    assert (tmp_path / "input.txt").read_bytes() == b"old"


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(InputError, match=rf"{URL}(.|\n)*{SHA256}(.|\n)*unreachable(.|\n)*set {VARIABLE}"):
        fetch("input.txt", URL, SHA256, tmp_path / "input.txt")
    assert list(tmp_path.iterdir()) == []


def test_downloads_where_no_mirror_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    asked: list[str] = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(CONTENT)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert fetch("input.txt", URL, SHA256, tmp_path / "input.txt").read_bytes() == CONTENT
    assert asked == [URL]
