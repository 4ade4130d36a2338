"""Where records and containers disagree, and bringing them together again."""
