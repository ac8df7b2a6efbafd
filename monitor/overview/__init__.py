"""The overview's shell: lease, commit log, restart. `monitor.watch` turns the wheel."""
