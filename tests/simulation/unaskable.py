"""A process that has no descriptors left: it can ask no engine anything."""


class Unaskable(set[str]):
    """Every address while there are no descriptors, none otherwise."""

    has_no_descriptors = False

    def __contains__(self, _: object) -> bool:
        return self.has_no_descriptors

    def recover(self) -> None:
        """Have descriptors again."""
        self.has_no_descriptors = False
