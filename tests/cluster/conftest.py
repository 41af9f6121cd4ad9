from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[int]:
    """One local Ray for all tests of this folder: yields its number of CPUs."""
    from daytrader_ray.cluster.runtime import started

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.delenv("RAY_ADDRESS", raising=False)
        with started(cpus=2) as cpus:
            yield cpus
