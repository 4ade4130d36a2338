"""The host's file system."""
