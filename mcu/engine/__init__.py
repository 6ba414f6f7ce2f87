"""Where rooms run."""
