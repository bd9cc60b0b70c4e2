"""Measurements against named rivals: same input, same cores, one run.

`python -m benchmarks.training --help` and its kin; results are printed as tables or JSON.
"""
