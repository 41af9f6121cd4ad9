import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.domain.errors import ConfigError


@pytest.mark.parametrize("root", ["s3://bucket/data", "memory://store"])
def test_a_url_is_no_place_for_bundles_and_no_folder_is_made_of_it(root, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="bundles need a local or shared path"):
        model_store.latest(root)
    with pytest.raises(ConfigError, match="bundles need a local or shared path"):
        model_store.load(root, "0" * 16)
    assert not list(tmp_path.iterdir())
