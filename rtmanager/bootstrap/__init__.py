"""Where everything is assembled: policies, use cases, cycles, workers and the whole service.

`composition` builds it on the real adapters; `use_cases` and `cycles` take any ports.
"""
