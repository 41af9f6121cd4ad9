"""What kernels are compiled for."""

import numpy as np
import pytest

from daytrader_ray.domain.jit import plain


@pytest.mark.parametrize("given", [np.arange(6.0)[::2], np.broadcast_to(np.zeros(3), (2, 3))])
def test_an_array_of_another_kind_is_copied(given: np.ndarray) -> None:
    found = plain(given)
    assert found.flags.c_contiguous and found.flags.writeable
    assert np.array_equal(found, given)


def test_an_array_of_the_right_kind_is_itself() -> None:
    array = np.arange(3.0)
    assert plain(array) is array
    array.flags.writeable = False
    assert plain(array) is not array
