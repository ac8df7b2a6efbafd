"""Any octets, into every parser: by Hypothesis with each test run, by coverage with `make fuzz` (docs/fuzzing.md)."""
