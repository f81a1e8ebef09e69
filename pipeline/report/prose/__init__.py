"""Write what the numbers say in sentences."""
