from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # Ray's own imports


def unknown_keys(values: Mapping, model: type[BaseModel], where: str = "") -> list[str]:
    """Ray ignores keys it does not know, so they are compared here."""
    return [f"{where}{key}" for key in values if key not in model.model_fields]


def test_the_cluster_file_is_what_ray_up_expects():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    validate_config(prepare_config(config))


def test_a_misspelt_key_in_the_cluster_file_would_be_found():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((ROOT / "cluster.yaml").read_text()) | {"max_wrokers": 2}
    with pytest.raises(Exception, match="max_wrokers"):
        validate_config(prepare_config(config))


def test_the_serve_file_has_only_keys_that_ray_knows_and_stays_on_this_machine():
    from ray.serve.schema import HTTPOptionsSchema, ServeApplicationSchema, ServeDeploySchema

    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    ServeDeploySchema.model_validate(config)
    assert unknown_keys(config, ServeDeploySchema) == []
    assert unknown_keys(config["http_options"], HTTPOptionsSchema) == []
    (application,) = config["applications"]
    assert unknown_keys(application, ServeApplicationSchema) == []
    assert config["http_options"]["host"] == "127.0.0.1" and config["proxy_location"] == "HeadOnly"
