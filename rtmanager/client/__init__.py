"""A client of the Runtime Manager for programs: typed, asynchronous, for both contracts."""
