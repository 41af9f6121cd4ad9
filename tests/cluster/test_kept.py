"""What a search keeps comes back, and a file that is damaged or gone is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.cluster.kept import exists, load_array, load_json, load_view, save_array
from daytrader_ray.domain.errors import DataError


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    states, told = str(tmp_path / "one.regime.npy"), str(tmp_path / "one.regime.json")
    save_array(states, np.arange(3, dtype=np.int8))
    assert not exists(states, told)
    atomic_write_json(told, {"left_out": []})
    assert exists(states, told)
    np.testing.assert_array_equal(load_array(states), np.arange(3))
    assert load_json(told) == {"left_out": []}


@pytest.mark.parametrize("load", [load_json, load_view, load_array])
@pytest.mark.parametrize("content", [b"", b'{"features": [', b"\x93NUMPY", b"3", b"\xff\xff"])
def test_a_damaged_file_is_named_with_what_to_do_about_it(
    load: Callable[[str], Any], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "one"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path}: damaged: .") as caught:
        load(str(path))
    assert caught.value.hint == "remove it and search again"


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one\.npy: there is no such file"):
        load_array(str(tmp_path / "one.npy"))
