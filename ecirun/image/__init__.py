"""Where root file systems come from: the local store, and the recipes that fill it.

A run needs `store` only; `recipe` and `build` are imported where an image has to be made.
"""
