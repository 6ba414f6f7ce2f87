"""Doors for live clients. Each translates its protocol to ``api.session`` and back."""
