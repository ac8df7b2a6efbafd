"""Wire times in µs since the epoch, where 0 stands for never."""


def earlier(one_us: int, other_us: int) -> int:
    """The earlier of two; 0 where neither ever was."""
    if not one_us or not other_us:
        return one_us or other_us
    return min(one_us, other_us)
