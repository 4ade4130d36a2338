"""Where everything is assembled: policies, use cases, cycles, workers, and the service of them all.

`composition` builds it on the real adapters; `use_cases` and `cycles` take whatever ports they get.
"""
