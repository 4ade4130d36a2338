"""What the service does by itself: one worker cycle per file, each callable from a test."""
