"""The facets: one file a family."""
