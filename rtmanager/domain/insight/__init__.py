"""What operators see: the operation log, health, and why a game is in its state."""
