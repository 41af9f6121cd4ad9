import json
import os
from pathlib import Path

import fsspec
import pytest

from daytrader_ray.adapters import atomic
from daytrader_ray.domain.errors import ConfigError


def test_a_file_is_replaced_whole_and_leaves_nothing_aside(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "file.bin"
    atomic.atomic_write_bytes(target, b"one")
    atomic.atomic_write_bytes(target, b"two")
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file.bin"
    atomic.atomic_write_bytes(target, b"old")

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.atomic_write_bytes(target, b"new and longer")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_what_killed_writers_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.bin.x1.aside", tmp_path / ".b.bin.x2.aside"
    for left, age in ((old, 90_000), (young, 60)):
        left.write_bytes(b"half")
        since = left.stat().st_mtime - age
        os.utime(left, (since, since))
    atomic.atomic_write_bytes(tmp_path / "file.bin", b"one")
    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, "file.bin"]


def test_what_cannot_be_swept_away_does_not_fail_the_write(tmp_path: Path) -> None:
    left = tmp_path / ".a.bin.x1.aside"
    left.mkdir()  # an OSError at unlink
    os.utime(left, (0, 0))
    atomic.atomic_write_bytes(tmp_path / "file.bin", b"one")
    assert (tmp_path / "file.bin").read_bytes() == b"one"


def test_json_has_the_same_bytes_for_the_same_value(tmp_path: Path) -> None:
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    atomic.atomic_write_json(one, {"b": 1, "a": [1.5, None]})
    atomic.atomic_write_json(two, {"a": [1.5, None], "b": 1})
    assert one.read_bytes() == two.read_bytes()
    assert json.loads(one.read_text()) == {"a": [1.5, None], "b": 1}


def test_json_refuses_what_json_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.atomic_write_json(tmp_path / "x.json", float("nan"))


def test_other_file_systems_work_by_url() -> None:
    atomic.atomic_write_bytes("memory://atomic/folder/file", b"data")
    assert fsspec.filesystem("memory").cat_file("/atomic/folder/file") == b"data"
    assert len(fsspec.filesystem("memory").ls("/atomic/folder")) == 1


def test_a_url_that_nothing_can_read_is_named() -> None:
    with pytest.raises(ConfigError, match="nosuch://x cannot be used as a data root: Protocol not known"):
        atomic.filesystem_of("nosuch://x")


def test_a_file_system_without_whole_puts_gets_its_file_by_a_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"file://{tmp_path}/folder/file.bin"
    atomic.atomic_write_bytes(target, b"old")
    local = atomic.filesystem_of(target)[0]

    def interrupt(source: str, to: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(local), "mv", lambda self, source, to: interrupt(source, to))
        with pytest.raises(KeyboardInterrupt):
            atomic.atomic_write_bytes(target, b"new and longer")
    assert (tmp_path / "folder/file.bin").read_bytes() == b"old"
    atomic.atomic_write_bytes(target, b"new")
    assert (tmp_path / "folder/file.bin").read_bytes() == b"new"
