"""REST, one noun a module."""
