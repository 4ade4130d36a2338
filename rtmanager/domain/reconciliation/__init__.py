"""Finding and removing disagreements between records and containers."""
