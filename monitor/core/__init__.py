"""The two pure stages. No Django, I/O, clock, randomness, logging: `now` is an argument."""
