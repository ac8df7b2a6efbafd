"""The migrations of a version that follows this one, made up: tables get columns of which this version knows nothing
and without which they take no row.
"""
