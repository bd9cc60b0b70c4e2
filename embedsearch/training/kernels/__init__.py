"""The compiled loops of training, in Numba, so that no user needs a compiler.

Nothing is compiled when a module is imported: the first call of a kernel with new types does it,
or finds it on disk. From the bottom up: `rng`; `simd`, `products` and `rows`, vector code as LLVM
IR; `sampling` and `windows`, what is random; `skipgram`, `cbow` and `subword`, the three models;
`heldout`, their loss; `rounds`, several workers with the same bytes every time.
"""
