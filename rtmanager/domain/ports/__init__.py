"""What the domain needs of the world: one Protocol per file, with its errors in sight."""
