import numpy as np

from daytrader_ray.models.scaling import LIMIT, Scaler


def test_scaled_training_rows_have_mean_0_and_deviation_1():
    rows = np.random.default_rng(1).normal(3.0, 2.0, (5000, 3)).astype(np.float32)
    rows[7, 1] = np.nan
    scaled = Scaler.fit(rows).transform(rows)
    assert scaled.dtype == np.float32
    assert np.isnan(scaled[7, 1])
    assert np.allclose(np.nanmean(scaled, axis=0), 0, atol=1e-3)
    assert np.allclose(np.nanstd(scaled, axis=0), 1, atol=1e-2)


def test_scaling_clips_and_gives_equal_bits_row_by_row():
    rows = np.random.default_rng(2).standard_normal((100, 5)).astype(np.float32)
    rows[3, 0] = 1e9
    scaler = Scaler(np.full(5, 0.1), np.full(5, 0.7))
    together = scaler.transform(rows)
    assert together.max() == LIMIT
    assert np.array_equal(together, np.concatenate([scaler.transform(row[None]) for row in rows]))
