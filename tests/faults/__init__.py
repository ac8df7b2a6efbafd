"""Fault injection by seed: real processes are hurt at random moments, and then everything is counted.

`python -m tests.faults SEED …` lives through worlds again; docs/faults.md says what is done to them.
"""
