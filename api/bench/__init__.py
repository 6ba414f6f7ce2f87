"""The benches: what the server costs, beside what others cost for the same work. ``mcu bench`` runs them."""
