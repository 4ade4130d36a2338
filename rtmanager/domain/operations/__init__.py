"""Operations on games: one kind per file with its rule and its decision, and one interpreter."""
