"""What the domain needs from the outside: one Protocol per file, with its errors."""
