"""State in words what the numbers say."""
