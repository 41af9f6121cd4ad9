"""Trees of any library as flat arrays: one compiled way to score them, one way to store them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from daytrader_ray.domain.jit import njit
from daytrader_ray.models.members.surface import Float32, Float64
from daytrader_ray.models.members.tabular import Inputs

Bool = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
Values = npt.NDArray[np.float32] | npt.NDArray[np.float64]


class Tree(NamedTuple):
    """One tree, its root first and parents before children.

    `inner` says which nodes split [node]; `feature` and `threshold` of a split, whose left side is x <= threshold;
    `left` and `right` are node numbers; `value` is what a leaf adds to output `group`.
    """

    inner: Bool
    feature: npt.NDArray[np.integer]
    threshold: Float64
    left: npt.NDArray[np.integer]
    right: npt.NDArray[np.integer]
    value: Values
    group: int = 0


@dataclass(frozen=True)
class FittedTrees:
    """All nodes of all trees end to end; a leaf is its own child, so that every row takes `depth` steps.

    Attributes
    ----------
    root, depth, group
        First node of each tree, steps to its deepest leaf, and the output that it adds to [tree].
    feature, threshold, child, value
        x > `threshold` goes to `child[node, 1]`, else to `child[node, 0]`; a leaf adds `value` [node].
    base
        What each output starts from: one output is the score itself, three are the logits of the classes [output].
        Sums are as exact as `base` and `value`, which are float32 where the library adds in float32.
    gain
        Share of each input in what all splits gained, sum 1 [input].
    """

    root: Int32
    depth: Int32
    group: Int32
    feature: Int32
    threshold: Float32
    child: Int32
    value: Values
    base: Values
    gain: Float64
    inputs: Inputs = field(default_factory=Inputs)

    @classmethod
    def of(cls, trees: Sequence[Tree], base: Values, gain: Float64, inputs: Inputs) -> Self:
        """Lay trees end to end; `gain` in any unit."""
        root = np.cumsum([0, *(len(tree.inner) for tree in trees)])[:-1].astype(np.int32)
        inner = np.concatenate([tree.inner for tree in trees])
        own = np.arange(len(inner))
        left, right = (
            np.where(inner, np.concatenate([side + at for side, at in zip(sides, root, strict=True)]), own)
            for sides in ([tree.left for tree in trees], [tree.right for tree in trees])
        )
        child = np.ascontiguousarray(np.stack([left, right], axis=1), dtype=np.int32)
        return cls(
            root=root,
            depth=_depths(root, child),
            group=np.array([tree.group for tree in trees], dtype=np.int32),
            feature=np.where(inner, np.concatenate([tree.feature for tree in trees]), 0).astype(np.int32),
            threshold=_rounded_down(np.where(inner, np.concatenate([tree.threshold for tree in trees]), 0.0)),
            child=child,
            value=np.concatenate([tree.value for tree in trees]),
            base=base,
            gain=gain / gain.sum() if gain.sum() > 0 else gain,
            inputs=inputs,
        )

    def followed_by(self, later: Self) -> Self:
        """Return these trees and after them those of `later`, which were grown on what these leave (same inputs)."""
        n, trees = len(self.child), (len(self.root), len(later.root))
        joined = {
            name: np.concatenate([getattr(self, name), getattr(later, name)])
            for name in ("depth", "group", "feature", "threshold", "value")
        }
        return type(self)(
            root=np.concatenate([self.root, later.root + np.int32(n)]),
            child=np.concatenate([self.child, later.child + np.int32(n)]),
            base=self.base,
            gain=np.average([self.gain, later.gain], axis=0, weights=trees),
            inputs=self.inputs,
            **joined,
        )

    def sums(self, windows: Float32) -> Values:
        """Return what the trees add up to for each output `[n, output]`: logits where there are three."""
        nodes = self.feature, self.threshold, self.child, self.value
        return _sums(self.inputs.rows(windows), self.base, (self.root, self.depth, self.group), nodes)

    def score(self, block: Float32) -> Values:
        """See `Fitted.score`."""
        sums = self.sums(block)
        return of_logits(sums) if len(self.base) > 1 else sums[:, 0]

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        save_file({name: array for name, array in vars(self).items() if name != "inputs"}, _file(folder))
        self.inputs.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        return cls(**load_file(_file(folder)), inputs=Inputs.load(folder))


def of_logits(logits: Values) -> Float64:
    """Return P(+1) - P(-1) [row] from the logits of the three classes `[row, class]`; -inf is a class never seen."""
    shares = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray((shares[:, 2] - shares[:, 0]) / (shares[:, 0] + shares[:, 1] + shares[:, 2]))


def _rounded_down(threshold: Float64) -> Float32:
    """Return the largest float32 not above each threshold: float32 rows fall on the same side of it."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


@njit
def _depths(root: Int32, child: Int32) -> Int32:
    level = np.zeros(len(child), dtype=np.int32)
    depths = np.zeros(len(root), dtype=np.int32)
    for tree in range(len(root)):
        stop = root[tree + 1] if tree + 1 < len(root) else len(child)
        for node in range(root[tree], stop):
            depths[tree] = max(depths[tree], level[node])
            if child[node, 0] != node:
                level[child[node, 0]] = level[node] + 1
                level[child[node, 1]] = level[node] + 1
    return depths


@njit
def _sums(
    rows: Float32, base: Values, trees: tuple[Int32, Int32, Int32], nodes: tuple[Int32, Float32, Int32, Values]
) -> Values:
    """Add the leaves of `rows` `[row, input]` to `base` by output `[row, output]`.

    Tree by tree and, in a tree, level by level over all rows: no branch to mispredict, and no row waits for another.
    """
    root, depth, group = trees
    feature, threshold, child, value = nodes
    sums = np.empty((len(rows), len(base)), dtype=base.dtype)
    sums[:] = base
    node = np.empty(len(rows), dtype=np.int32)
    for tree in range(len(root)):
        node[:] = root[tree]
        for _ in range(depth[tree]):
            for row in range(len(rows)):
                at = node[row]
                node[row] = child[at, int(rows[row, feature[at]] > threshold[at])]
        for row in range(len(rows)):
            sums[row, group[tree]] += value[node[row]]
    return sums


def _file(folder: Path) -> Path:
    return folder / "trees.safetensors"
