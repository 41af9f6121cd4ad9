"""One file per family: each kernel steps one symbol's state by one bar and writes the family's features.

A kernel is `step(state, base, minute, bar, out, first)`, less what it does not need: `state` is the symbol's float64
vector, whose part from `base` on belongs to the family (`STATE` numbers) and whose front is `past`, already stepped;
features go to `out` from `first` on, in the order of the file's `FEATURES`. Warm-up is not the kernels' affair:
`features.step` writes NaN over rows that are too young.
"""
