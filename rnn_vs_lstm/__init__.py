"""The installed project: one package that holds all others, so that none of them shadows anybody's.

The wheel places `pipeline`, `experiments`, `conf` and `hydra_plugins` in here; in a clone they stand
beside this folder.
"""
