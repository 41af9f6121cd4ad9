"""What every feature must equal: TA-Lib where it has the function, else a plain definition.

One file per family, in it one function per feature, named like the feature (`momentum.rsi_14`: `rsi_14` in
`momentum.py`): `def rsi_14(case: Case) -> Float64` returns one value for each bar of `case`, NaN where there is none.
"""
