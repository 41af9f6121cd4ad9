"""What is particular to the networks: pictures, branches, the newest row, devices and what an epoch is kept for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.models import registry
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members import cnn, lstm, transformer
from daytrader_ray.models.members.network import one_thread
from tests.models.samples import samples

NETWORKS = ("lstm", "cnn", "transformer")
NAMES = ("trend.sma_20", cnn.RETURN, "volume.obv")


def named(dataset: Dataset, features: tuple[str, ...] = NAMES) -> Dataset:
    return replace(dataset, windows=np.ascontiguousarray(dataset.windows[:, :, : len(features)]), features=features)


TRAIN, VALIDATION = (named(samples(n, seed)[0]) for n, seed in ((400, 1), (150, 2)))


def test_a_gramian_field_is_the_cosine_of_the_sum_of_two_angles():
    series = torch.from_numpy(np.random.default_rng(1).standard_normal((5, 30)))
    scaled = 2.0 * (series - series.amin(1, True)) / (series.amax(1, True) - series.amin(1, True)) - 1.0
    angle = torch.arccos(scaled.clamp(-1.0, 1.0))
    expected = torch.cos(angle[:, :, None] + angle[:, None, :])
    torch.testing.assert_close(cnn.gramian(series), expected, atol=1e-7, rtol=0.0)


def test_a_gramian_field_depends_on_the_shape_of_a_series_and_not_on_its_level_or_size():
    series = torch.from_numpy(np.random.default_rng(2).standard_normal((5, 30)))
    torch.testing.assert_close(cnn.gramian(0.01 * series + 3.0), cnn.gramian(series), atol=1e-6, rtol=0.0)


def test_the_field_of_a_flat_series_is_flat():
    field = cnn.gramian(torch.full((2, 30), 1.25))
    assert torch.equal(field, torch.full((2, 30, 30), -1.0))


def test_the_field_is_drawn_from_the_return_and_left_out_where_it_is_not_selected():
    config = cnn.CNNConfig()
    with_returns, without = cnn.Network(config, NAMES), cnn.Network(config, ("a", "b", "c"))
    assert with_returns.head.in_features == 3 * config.filters + 3
    assert without.head.in_features == 2 * config.filters + 3
    windows = torch.randn(4, 30, 3, generator=torch.Generator().manual_seed(1))
    seen = []
    with_returns.field.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    assert with_returns.eval()(windows).shape == without.eval()(windows).shape == (4, 3)
    assert torch.equal(seen[0][:, 0], cnn.gramian(windows[:, :, 1]))


def test_a_saved_network_remembers_where_its_returns_stand(tmp_path):
    fitted = registry.member("cnn", {"epochs": 1}).fit(TRAIN, VALIDATION, seed=1)
    fitted.save(tmp_path)
    again = cnn.CNN.load(tmp_path)
    assert again.features == NAMES
    assert again.network.column == 1
    assert again.config == fitted.config


def test_the_last_layer_gives_the_newest_row_what_it_would_give_it_among_all_rows():
    torch.manual_seed(3)
    layer = transformer.Layer(transformer.TransformerConfig()).eval()
    states = torch.randn(8, 30, 32)
    torch.testing.assert_close(layer(states, 1), layer(states, 30)[:, -1:], atol=1e-6, rtol=0.0)


def test_a_layer_is_the_encoder_layer_of_torch():
    torch.manual_seed(4)
    config = transformer.TransformerConfig()
    ours = transformer.Layer(config).eval()
    theirs = torch.nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=True).eval()
    attention, step = theirs.self_attn, ours.feed
    pairs = (
        (attention.in_proj_weight, torch.cat([ours.query.weight, ours.key_value.weight])),
        (attention.in_proj_bias, torch.cat([ours.query.bias, ours.key_value.bias])),
        *zip(attention.out_proj.parameters(), ours.mix.parameters(), strict=True),
        *zip(theirs.linear1.parameters(), step[0].parameters(), strict=True),
        *zip(theirs.linear2.parameters(), step[2].parameters(), strict=True),
    )
    with torch.no_grad():
        for there, here in pairs:
            there.copy_(here)
        states = torch.randn(8, 30, 32)
        torch.testing.assert_close(ours(states, 30), theirs(states), atol=1e-5, rtol=0.0)


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ConfigError, match="width 30 is not a multiple of heads 4"):
        registry.member("transformer", {"width": 30})


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_scored_as_the_training_framework_scores_it(name):
    fitted = registry.member(name, {"epochs": 1}).fit(TRAIN, VALIDATION, seed=1)
    block = VALIDATION.windows[:64]
    with torch.no_grad():
        shares = torch.softmax(fitted.network(torch.from_numpy(block)).double(), dim=1).numpy()
    assert np.abs(fitted.score(block) - (shares[:, 2] - shares[:, 0])).max() <= 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_is_for_training_only(name):
    fitted = registry.member(name, {"epochs": 1, "dropout": 0.9}).fit(TRAIN, VALIDATION, seed=1)
    assert np.array_equal(fitted.score(VALIDATION.windows[:64]), fitted.score(VALIDATION.windows[:64]))


def test_the_epoch_that_validates_best_is_kept():
    wrong = replace(VALIDATION, labels=-VALIDATION.labels)
    losses = []
    for held_out in (VALIDATION, wrong):
        fitted = registry.member("lstm", {"epochs": 6, "dropout": 0.0}).fit(TRAIN, held_out, seed=1)
        with one_thread(), torch.no_grad():
            logits = fitted.network(torch.from_numpy(wrong.windows))
        losses.append(float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(wrong.classes))))
    assert losses[1] < losses[0], "where more training makes it worse, an early epoch is kept"


def test_the_sizes_are_those_of_the_methods():
    assert lstm.LSTMConfig().hidden == 32
    config = transformer.TransformerConfig()
    assert (config.layers, config.width, config.heads) == (2, 32, 4)
    assert (config.epochs, config.max_samples) == (5, 10_000)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_in_the_precision_of_a_gpu_what_it_learns_in_full(name, monkeypatch):
    full = registry.member(name).fit(TRAIN, VALIDATION, seed=1)
    real, asked = torch.autocast, []

    def always(device: str, precision: torch.dtype, enabled: bool) -> torch.autocast:
        asked.append(enabled)
        return real(device, precision, enabled=True)

    monkeypatch.setattr(torch, "autocast", always)
    half = registry.member(name).fit(TRAIN, VALIDATION, seed=1)
    assert not any(asked), "the processor trains in full precision"
    block = VALIDATION.windows[:64]
    assert all(value.dtype == torch.float32 for value in half.network.state_dict().values())
    assert not np.array_equal(half.score(block), full.score(block))
    assert np.corrcoef(half.score(block), full.score(block))[0, 1] > 0.9


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_that_is_not_there_is_refused_with_a_hint(name):
    with pytest.raises(ConfigError, match="torch finds none") as found:
        replace(registry.member(name), device="cuda").fit(TRAIN, VALIDATION, seed=1)
    assert "search.num_gpus" in found.value.hint


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_gpu_trains_what_the_cpu_scores_and_repeats_itself(name):
    first, second = (replace(registry.member(name), device="cuda").fit(TRAIN, VALIDATION, seed=1) for _ in range(2))
    block = VALIDATION.windows[:64]
    assert np.array_equal(first.score(block), second.score(block))
    on_cpu = registry.member(name).fit(TRAIN, VALIDATION, seed=1).score(block)
    assert np.corrcoef(first.score(block), on_cpu)[0, 1] > 0.9
