"""The programs a person runs: thin mains over the stages of `pipeline`."""
