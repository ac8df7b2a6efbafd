"""Measurements: `python -m bench`. What they mean is in docs/performance.md."""
