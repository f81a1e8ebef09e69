"""The command-line programs: thin main functions that call `pipeline`."""
