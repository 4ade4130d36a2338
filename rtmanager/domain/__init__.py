"""The rules of the Runtime Manager: standard library and semantic_version only."""
