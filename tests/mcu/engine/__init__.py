"""Where rooms run, and what is kept of them."""
